import { byNamespace } from '../by-namespace'

export const persian = byNamespace(import.meta.glob<{ default: Record<string, unknown> }>('./fa/*.json', { eager: true }))
