// Puts a brotli and a gzip variant beside each built file that gets smaller by it: name.js, name.js.br, name.js.gz.
// The server carries them and sends what a browser accepts; nothing is compressed while somebody waits.
//
//   node compress.js [FOLDER], dist when none is named

import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
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
