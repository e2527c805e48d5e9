/** The server's OpenAPI document, as its tests hold it. */
export function openapi(): { paths: object; components: { schemas: Record<string, object> } }
/** The table of role × operation. */
export function access(): Record<string, Record<string, string>>

export function findings(): readonly { code: string; found: string; fix: string | null }[]
