// Writes what the pages know of the API from what the server's own tests hold true: the types of every operation, and
// who may do which. Nothing of it is kept in the repository, so it cannot be out of step.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'

const SNAPSHOTS = {
  openapi: '../src/api/snapshots/caspervpn__api__openapi__tests__openapi.snap',
  access: '../src/domain/snapshots/caspervpn__domain__access__tests__access.snap',
  findings: '../src/domain/diagnosis/snapshots/caspervpn__domain__diagnosis__code__tests__findings.snap',
}
const PREFIX = '/api/v1'
const TO = 'src/api/generated'

/** What a golden file holds, without the lines that say where it came from. */
function golden(name) {
  const text = readFileSync(new URL(SNAPSHOTS[name], import.meta.url), 'utf8')
  return text.split('\n---\n').slice(1).join('\n---\n')
}

export function openapi() {
  return JSON.parse(golden('openapi'))
}

/** What a diagnosis can find, with the server's own English words. */
export function findings() {
  return JSON.parse(golden('findings'))
}

/** The table of role × operation, each with how far the role reaches. */
export function access() {
  const [head, ...rows] = golden('access').trim().split('\n')
  const roles = head.trim().split(/\s+/).slice(1)
  return Object.fromEntries(
    rows.map((row) => {
      const [action, ...reaches] = row.trim().split(/\s+/)
      return [action, Object.fromEntries(roles.map((role, place) => [role, reaches[place]]))]
    }),
  )
}

async function write() {
  const document = openapi()
  document.paths = Object.fromEntries(
    Object.entries(document.paths).map(([path, operations]) => [path.slice(PREFIX.length), operations]),
  )
  const types = astToString(await openapiTS(document, { alphabetize: true, emptyObjectsUnknown: true }))
  mkdirSync(new URL(TO, import.meta.url), { recursive: true })
  writeFileSync(new URL(`${TO}/schema.ts`, import.meta.url), types)
  const { Scope, EventKind } = document.components.schemas
  const words = `export const SCOPES = ${JSON.stringify(Scope.enum)} as const\nexport const EVENT_KINDS = ${JSON.stringify(EventKind.enum)} as const\n`
  writeFileSync(new URL(`${TO}/words.ts`, import.meta.url), words)
  const table = JSON.stringify(access(), undefined, 1)
  writeFileSync(new URL(`${TO}/access.ts`, import.meta.url), `export const ACCESS = ${table} as const\n`)
  // Written by notices.js, which a build runs; whatever else reads the pages needs no more than that it is there.
  const notices = new URL(`${TO}/notices.json`, import.meta.url)
  if (!existsSync(notices)) writeFileSync(notices, '[]')
}

if (process.argv[1] === new URL(import.meta.url).pathname) await write()
