// Writes which packages of others are in the built pages, with what their licences ask to be handed on. The page "About"
// shows it, and packages of the program carry it. What only builds or tests the pages is not in them.
//
// Fails at a licence that nobody has looked at yet.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'vite'

const ALLOWED = new Set(['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD'])
const TEXT = /^(licen[cs]e|copying|notice)/i
const TO = new URL('src/api/generated/notices.json', import.meta.url)

/** The folder of the package that a module came from; the bundler and its helpers put in a few lines of their own. */
function folderOf(module) {
  const [, helper] = /^\0(vite|rolldown)\//.exec(module) ?? []
  if (helper) return new URL(`node_modules/${helper}`, import.meta.url).pathname
  return /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(module)?.[1]
}

/** The folders of the packages of which something is left after all that is unused was dropped. */
async function packagesBuilt() {
  const folders = new Set()
  const collect = {
    name: 'collect-packages',
    generateBundle(_, bundle) {
      for (const chunk of Object.values(bundle)) {
        for (const module of Object.keys(chunk.modules ?? {})) folders.add(folderOf(module))
      }
    },
  }
  await build({ logLevel: 'error', build: { write: false }, plugins: [collect] })
  folders.delete(undefined)
  return [...folders]
}

function noticeOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  if (!ALLOWED.has(license)) throw new Error(`${name} ${version} is under "${license}": see whether that may be, and allow it in notices.js`)
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile() && TEXT.test(entry.name)).map(({ name: file }) => file).toSorted()
  // What tools bundle for themselves is not in the pages.
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').split(/^# Licenses of bundled dependencies/im)[0].trim())
  return { name: `${name} ${version} (${license})`, text: texts.join('\n\n') }
}

const named = new Map()
for (const { name, text } of (await packagesBuilt()).map(noticeOf)) named.set(text, (named.get(text) ?? new Set()).add(name))
// Many packages of one author share a text to the letter.
const notices = [...named].map(([text, names]) => ({ packages: [...names].toSorted(), text })).toSorted((one, other) => (one.packages[0] < other.packages[0] ? -1 : 1))
writeFileSync(TO, `${JSON.stringify(notices, undefined, 1)}\n`)
process.stdout.write(`${new Set(notices.flatMap(({ packages }) => packages)).size} packages of others are in the pages\n`)
