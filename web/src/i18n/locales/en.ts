import { byNamespace } from '../by-namespace'

/** The words of diagnoses come with their page: they are many, and no first page needs them. */
export const english = byNamespace(
  import.meta.glob<{ default: Record<string, unknown> }>(['./en/*.json', '!./en/diagnosis.json'], { eager: true }),
)
