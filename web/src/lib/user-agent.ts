// What a client called itself, in the words that people use for it. Only names that browsers still tell apart.

/** The most particular first: Edge says that it is Chrome as well, and Chrome that it is Safari. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/Edg(e|A|iOS)?\//, 'Edge'], [/OPR\/|Opera/, 'Opera'], [/SamsungBrowser\//, 'Samsung Internet'], [/Firefox\/|FxiOS\//, 'Firefox'],
  [/HeadlessChrome\/|Chrome\/|CriOS\//, 'Chrome'], [/Safari\//, 'Safari'],
]
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/iPhone/, 'iPhone'], [/iPad/, 'iPad'], [/Android/, 'Android'], [/Windows/, 'Windows'], [/CrOS/, 'ChromeOS'], [/Mac OS X/, 'macOS'], [/Linux/, 'Linux'],
]

export interface Client {
  /** The browser, or the program by its own name; empty where it said nothing. */
  program: string
  system: string
}

export function clientOf(userAgent: string): Client {
  const named = (names: typeof BROWSERS) => names.find(([sign]) => sign.test(userAgent))?.[1] ?? ''
  return { program: named(BROWSERS) || (userAgent.split(/[\s/]/)[0] ?? ''), system: named(SYSTEMS) }
}
