// Puts a brotli and a gzip variant beside each built file that gets smaller by it: name.js, name.js.br, name.js.gz.
// The server carries them and sends what a browser accepts; nothing is compressed while somebody waits. An asset that is
// there by gzip is taken away as it was: the server unpacks it for the few that accept no coding.
//
// Fails where a browser would have to fetch more JavaScript than BUDGET_BYTES before it can show anything.
//
//   node compress.js [FOLDER], dist when none is named

import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

// Pictures and fonts of other kinds are compressed already.
const COMPRESSIBLE = new Set(['.css', '.html', '.ico', '.js', '.json', '.svg', '.webmanifest'])

// A variant that saves less than a tenth is not worth its place in the program.
const WORTH_KEEPING = 0.9

const brotli = (content) =>
  brotliCompressSync(content, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
  })
const gzip = (content) => gzipSync(content, { level: 9 })

const folder = process.argv[2] ?? 'dist'
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !COMPRESSIBLE.has(extname(entry.name))) continue
  const file = join(entry.parentPath, entry.name)
  const content = readFileSync(file)
  for (const [ending, compress] of [['.br', brotli], ['.gz', gzip]]) {
    const variant = compress(content)
    if (variant.length <= content.length * WORTH_KEEPING) writeFileSync(file + ending, variant)
  }
}

// A second on a slow line of 2.4 Mbit/s.
const BUDGET_BYTES = 300 * 1024
// Where people arrive: signing in, the overview in its frame, and the pages of one-time links.
const FIRST_PAGES = [['sign-in-page'], ['overview-page', 'shell'], ['setup-page'], ['invites-accept'], ['links-redeem'], ['password-reset']]

/** A script of the folder and all that it imports before it runs. */
function withImports(script, found = new Set()) {
  if (found.has(script)) return found
  found.add(script)
  const source = readFileSync(join(folder, 'assets', script), 'utf8')
  for (const [, name] of source.matchAll(/(?:from|import)\s*["'`]\.\/([^"'`]+\.js)["'`]/g)) withImports(name, found)
  return found
}

const page = join(folder, 'index.html')
if (existsSync(page)) {
  const entries = [...readFileSync(page, 'utf8').matchAll(/<script[^>]* src="([^"]+\.js)"/g)].map(([, source]) => basename(source))
  const built = readdirSync(join(folder, 'assets')).filter((name) => name.endsWith('.js'))
  const fileOf = (name) => built.find((file) => file.startsWith(`${name}-`)) ?? `${name} is not among what was built`
  for (const names of FIRST_PAGES) {
    const first = names[0]
    const scripts = [...entries, ...names.map(fileOf)].reduce((found, script) => withImports(script, found), new Set())
    const bytes = [...scripts].reduce((sum, script) => sum + brotli(readFileSync(join(folder, 'assets', script))).length, 0)
    process.stdout.write(`${first}: ${Math.ceil(bytes / 1024)} KiB of JavaScript before first paint\n`)
    if (bytes > BUDGET_BYTES) throw new Error(`${first} needs ${bytes} bytes of JavaScript before first paint; ${BUDGET_BYTES} are allowed`)
  }
}

for (const name of existsSync(join(folder, 'assets')) ? readdirSync(join(folder, 'assets')) : []) {
  if (name.endsWith('.gz')) rmSync(join(folder, 'assets', basename(name, '.gz')), { force: true })
}
