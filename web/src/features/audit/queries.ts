// What the page of the audit asks of the API.

import { api, take } from '../../api/client'
import { asked, type Asked, type ListSource, type Schema } from '../../api/types'

export type AuditEvent = Schema<'AuditEventView'>
export type Verification = Schema<'AuditVerification'>

export const auditEvents: ListSource<AuditEvent> = {
  key: 'audit',
  page: (query) => take(api.GET('/audit', { params: { query: asked<'/audit'>(query) } })),
}

/** The events that the filters leave, a line of JSON each; the order and the search are the list's alone. */
export function exportAudit({ after: _after, sort: _sort, q: _q, limit: _limit, ...filters }: Asked): Promise<Blob> {
  return take(api.GET('/audit/export', { params: { query: asked<'/audit/export'>(filters as Asked) }, parseAs: 'blob' }))
}

export const verifyPart = (after: number | undefined, expect: string | undefined) =>
  take(api.GET('/audit/verify', { params: { query: { ...(after === undefined ? {} : { after }), ...(expect ? { expect } : {}) } } }))
