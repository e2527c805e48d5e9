// Short names for what the API speaks of.

import type { ACCESS } from './generated/access'
import type { components, paths } from './generated/schema'

export type Schema<Name extends keyof components['schemas']> = components['schemas'][Name]

/** An operation of the API by its id, which is also what the access table and the audit call it. */
export type Action = keyof typeof ACCESS

export type Role = Schema<'Role'>
export type Me = Schema<'MeView'>
export type User = Schema<'UserView'>
export type Device = Schema<'DeviceView'>
export type Network = Schema<'NetworkView'>
export type Node = Schema<'NodeView'>

/** A page of a list, as every list answers it. */
export interface Page<Row> {
  items: Row[]
  next?: string | null
}

/** What every list may be asked for. */
export interface ListQuery {
  limit?: number
  after?: string
  sort?: string
  q?: string
}

/** What stands in a page's address: texts, which the server checks and answers with the fault's name. */
export type Asked = ListQuery & Record<string, string>

/** Where a list's rows come from. Answers are kept under the key, which is the noun's path. */
export interface ListSource<Row> {
  key: string
  page: (query: Asked) => Promise<Page<Row>>
}

type Got<Path extends keyof paths> = paths[Path] extends { get: { parameters: { query?: infer Query } } } ? Query : never

/** The query of a list as its operation takes it. */
export function asked<Path extends keyof paths>(query: Asked): NonNullable<Got<Path>> {
  // Addresses can say anything, types cannot: an odd word is the server's to refuse.
  return query as unknown as NonNullable<Got<Path>>
}
