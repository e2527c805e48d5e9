// Reads the OpenAPI document into what the page shows: operations by tag, schemas as trees.

/** The parts of OpenAPI 3.1 and JSON Schema that our own server writes; its tests hold it to them. */
export interface Schema {
  $ref?: string
  type?: string | string[]
  description?: string
  format?: string
  pattern?: string
  enum?: (string | number)[]
  examples?: unknown[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  oneOf?: Schema[]
  allOf?: Schema[]
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
}

interface Content {
  schema?: Schema
  example?: unknown
}

interface Response {
  $ref?: string
  description?: string
  content?: Record<string, Content>
}

export interface Parameter {
  name: string
  in: string
  required?: boolean
  description?: string
  schema?: Schema
}

interface RawOperation {
  operationId: string
  summary?: string
  description?: string
  tags?: string[]
  parameters?: Parameter[]
  requestBody?: { content: Record<string, Content> }
  responses: Record<string, Response>
  security?: Record<string, string[]>[]
}

export interface OpenApi {
  info: { title: string; version: string; description?: string }
  tags?: { name: string; description?: string }[]
  paths: Record<string, Record<string, RawOperation>>
  components: { schemas: Record<string, Schema>; responses: Record<string, Response> }
}

export interface Operation {
  id: string
  method: string
  path: string
  summary: string
  description: string
  parameters: Parameter[]
  body: Schema | undefined
  answers: { status: string; description: string; type: string | undefined; schema: Schema | undefined }[]
  refusals: { status: string; description: string }[]
  /** Needs no credentials. */
  open: boolean
  changes: boolean
}

export interface TagGroup {
  tag: string
  description: string
  operations: Operation[]
}

export function groupsOf(document: OpenApi): TagGroup[] {
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, raw]) => ({ tag: raw.tags?.[0] ?? '', operation: operationOf(document, path, method, raw) })),
  )
  const tags = document.tags ?? [...new Set(all.map(({ tag }) => tag))].map((name) => ({ name, description: '' }))
  return tags.map(({ name, description = '' }) => ({
    tag: name,
    description,
    operations: all.filter(({ tag }) => tag === name).map(({ operation }) => operation),
  }))
}

function operationOf(document: OpenApi, path: string, method: string, raw: RawOperation): Operation {
  const responses = Object.entries(raw.responses).map(([status, response]) => ({ status, response: responseOf(document, response) }))
  return {
    id: raw.operationId,
    method: method.toUpperCase(),
    path,
    summary: raw.summary ?? raw.operationId,
    description: raw.description ?? '',
    parameters: raw.parameters ?? [],
    body: raw.requestBody?.content['application/json']?.schema,
    answers: responses
      .filter(({ status }) => Number(status) < 400)
      .map(({ status, response }) => {
        const [type, content] = Object.entries(response.content ?? {})[0] ?? []
        return { status, description: response.description ?? '', type, schema: content?.schema }
      }),
    refusals: responses.filter(({ status }) => Number(status) >= 400).map(({ status, response }) => ({ status, description: response.description ?? '' })),
    open: raw.security?.length === 0,
    changes: method !== 'get',
  }
}

function responseOf(document: OpenApi, response: Response): Response {
  return response.$ref ? (document.components.responses[nameOf(response.$ref)] ?? {}) : response
}

export function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1)
}

export interface Resolved {
  schema: Schema
  /** The name among the document's schemas, where it has one. */
  name: string | undefined
  nullable: boolean
}

/** What a schema says in the end: references followed, "this or null" taken apart, parts of a whole put together. */
export function resolve(document: OpenApi, asked: Schema): Resolved {
  const choices = asked.oneOf?.filter((each) => each.type !== 'null')
  if (asked.oneOf && choices?.[0] && choices.length === 1) return { ...resolve(document, withText(asked, choices[0])), nullable: true }
  if (asked.$ref) {
    const name = nameOf(asked.$ref)
    const { schema, nullable } = resolve(document, document.components.schemas[name] ?? {})
    return { schema: withText(asked, schema), name, nullable }
  }
  if (asked.allOf) {
    const parts = asked.allOf.map((part) => resolve(document, part).schema)
    const schema: Schema = {
      ...asked,
      type: 'object',
      properties: Object.assign({}, ...parts.map(({ properties }) => properties)),
      required: parts.flatMap(({ required }) => required ?? []),
    }
    return { schema, name: undefined, nullable: false }
  }
  const types = [asked.type ?? []].flat()
  return { schema: asked, name: undefined, nullable: types.includes('null') }
}

/** What is said where a schema is used says more than what is said of it in general. */
function withText(outer: Schema, inner: Schema): Schema {
  return outer.description ? { ...inner, description: outer.description } : inner
}

/** An example of the whole: the schema's own, or one put together of its parts. */
export function exampleOf(document: OpenApi, asked: Schema, depth = 0): unknown {
  const { schema } = resolve(document, asked)
  if (schema.examples && schema.examples.length > 0) return schema.examples[0]
  if (schema.enum) return schema.enum[0]
  if (schema.items) return depth > 4 ? [] : [exampleOf(document, schema.items, depth + 1)]
  if (schema.properties && depth <= 4) {
    return Object.fromEntries(Object.entries(schema.properties).map(([name, part]) => [name, exampleOf(document, part, depth + 1)]))
  }
  const type = [schema.type ?? []].flat().find((each) => each !== 'null')
  return { string: '', integer: schema.minimum ?? 0, number: 0, boolean: false, object: {}, array: [] }[type ?? ''] ?? null
}

/** Operations in which each word stands somewhere: in the id, the path or the text. */
export function found(groups: readonly TagGroup[], text: string): TagGroup[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return groups
    .map((group) => ({
      ...group,
      operations: group.operations.filter(({ id, method, path, summary }) => {
        const hay = `${id} ${method} ${path} ${summary} ${group.tag}`.toLowerCase()
        return words.every((word) => hay.includes(word))
      }),
    }))
    .filter(({ operations }) => operations.length > 0)
}
