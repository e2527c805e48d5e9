// The texts of the pages where people arrive: links, signing in, and what stands there afterwards. They come with the first
// script.

import { byNamespace } from '../by-namespace'

export const english = byNamespace(
  import.meta.glob<{ default: Record<string, unknown> }>(
    ['./en/actions.json', './en/common.json', './en/config.json', './en/links.json', './en/overview.json', './en/session.json', './en/setup.json', './en/usage.json'],
    { eager: true },
  ),
)
