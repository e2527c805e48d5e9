// A request as one types it into a shell.

import { exampleOf, type OpenApi, type Operation } from './document'

export function curlOf(document: OpenApi, operation: Operation, origin: string): string {
  const lines = [`curl -s${operation.method === 'GET' ? '' : ` -X ${operation.method}`} ${quoted(origin + operation.path + queryOf(document, operation))}`]
  if (!operation.open) lines.push(`-H "authorization: Bearer $TOKEN"`)
  for (const { name, in: place, required, schema } of operation.parameters) {
    if (place === 'header' && required) lines.push(`-H ${quoted(`${name}: ${String(schema ? exampleOf(document, schema) : '')}`)}`)
  }
  if (operation.body) {
    lines.push(`-H 'content-type: application/json'`)
    lines.push(`-d ${quoted(JSON.stringify(exampleOf(document, operation.body), undefined, 2))}`)
  }
  return lines.join(' \\\n  ')
}

function queryOf(document: OpenApi, { parameters }: Operation): string {
  const needed = parameters.filter(({ in: place, required }) => place === 'query' && required)
  if (needed.length === 0) return ''
  return `?${needed.map(({ name, schema }) => `${name}=${encodeURIComponent(String(schema ? exampleOf(document, schema) : ''))}`).join('&')}`
}

/** In single quotes nothing has a meaning to a shell but the quote itself. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
