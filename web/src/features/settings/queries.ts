// What the page of settings asks of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, take } from '../../api/client'
import type { Schema } from '../../api/types'

export type Settings = Schema<'SettingsView'>
export type SettingsChange = Schema<'UpdateSettings'>

export const settingsQuery = queryOptions({ queryKey: ['settings'], queryFn: () => take(api.GET('/settings')) })

export const updateSettings = ({ revision }: Settings, body: SettingsChange) =>
  take(api.PATCH('/settings', { params: { header: { 'If-Match': `"${revision}"` } }, body }))

export const sendTestLetter = (body: Schema<'TestMail'>) => take(api.POST('/settings/mail/test', { body }))
