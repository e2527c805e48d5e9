// The texts of all other pages, which come with the first of them. The words of diagnoses come with their page: they are many.

import { byNamespace } from '../by-namespace'

export const englishOfPanel = byNamespace(
  import.meta.glob<{ default: Record<string, unknown> }>(
    [
      './en/*.json',
      '!./en/diagnosis.json',
      '!./en/actions.json', '!./en/common.json', '!./en/config.json', '!./en/links.json', '!./en/overview.json', '!./en/session.json', '!./en/setup.json', '!./en/usage.json',
    ],
    { eager: true },
  ),
)
