import { byNamespace } from '../by-namespace'

export const german = byNamespace(import.meta.glob<{ default: Record<string, unknown> }>('./de/*.json', { eager: true }))
