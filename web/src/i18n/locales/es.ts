import { byNamespace } from '../by-namespace'

export const spanish = byNamespace(import.meta.glob<{ default: Record<string, unknown> }>('./es/*.json', { eager: true }))
