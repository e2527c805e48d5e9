import { Code } from './parts'

/** A word between backquotes is written as on a screen: a command or a path. */
export function withCode(text: string) {
  return text.split('`').map((part, place) => (place % 2 === 1 ? <Code key={part}>{part}</Code> : part))
}
