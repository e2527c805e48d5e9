import { byNamespace } from '../by-namespace'

export const english = byNamespace(import.meta.glob<{ default: Record<string, unknown> }>('./en/*.json', { eager: true }))
