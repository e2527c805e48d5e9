// Reads from a source which texts it asks for, well enough for the way the pages are written.

export interface AskedKey {
  key: string
  /** Only its beginning is known. */
  open: boolean
}

/** The namespaces a file looks in: the first that each `useTranslation` names; any, where a function is given its `t`. */
export function namespacesOf(source: string, all: readonly string[]): readonly string[] {
  if (/[(,{\s]t: (\(|TFunction|Words)/.test(source)) return all
  const named = [...source.matchAll(/useTranslation\(([^)]*)\)/g)].flatMap(([, inner = '']) => {
    const first = /'([\w-]+)'/.exec(inner)?.[1]
    return [first ?? 'common']
  })
  return named.length > 0 ? [...new Set(named)] : ['common']
}

/** Every literal in quotes. */
export function literalsOf(source: string): string[] {
  return [...source.matchAll(/'([^'\n\\]*)'|"([^"\n\\]*)"|`([^`$\n\\]+)`/g)].map(([, one, two, three]) => one ?? two ?? three ?? '')
}

/** The keys in calls of `t`, where they are written there: `t('a')`, `t(x ? 'a' : 'b')`, `` t(`a.${b}`) ``. */
export function keysAsked(source: string): AskedKey[] {
  return [...source.matchAll(/(?<![\w.$])t\(/g)].flatMap(({ index }) => {
    const argument = firstArgument(source, index + 2)
    // With words of its own for what has none here, any key may be missing.
    return source.startsWith(', { defaultValue', index + 2 + argument.length) ? [] : keysIn(argument)
  })
}

function firstArgument(source: string, start: number): string {
  let depth = 0
  let quote = ''
  for (let at = start; at < source.length; at += 1) {
    const sign = source.charAt(at)
    if (quote) {
      if (sign === quote) quote = ''
      continue
    }
    if (`'"\``.includes(sign)) quote = sign
    else if ('([{'.includes(sign)) depth += 1
    else if (depth > 0 && ')]}'.includes(sign)) depth -= 1
    else if (depth === 0 && (sign === ',' || sign === ')')) return source.slice(start, at)
  }
  return ''
}

function keysIn(argument: string): AskedKey[] {
  // What is compared with is no key, and neither is what stands in a gap of a template.
  const plain = argument.replaceAll(/[!=]==\s*'[^']*'/g, '')
  const templates = [...plain.matchAll(/`([^`]*)`/g)].flatMap(([, text = '']) => {
    const [start = ''] = text.split('${')
    return start === '' || start.endsWith(':') ? [] : [{ key: start, open: text.includes('${') }]
  })
  const literals = [...plain.replaceAll(/`[^`]*`/g, '').matchAll(/'([^']+)'/g)].map(([, key = '']) => ({ key, open: false }))
  return [...templates, ...literals]
}
