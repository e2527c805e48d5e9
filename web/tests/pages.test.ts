// Holds the pages to the content security policy they are served under: nothing inline, nothing from elsewhere.

import { readFileSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'

import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const pages = readdirSync(root).filter((name) => name.endsWith('.html'))

test.each(pages)('%s has no inline script, style or handler and loads nothing from elsewhere', (name) => {
  const page = new DOMParser().parseFromString(readFileSync(resolve(root, name), 'utf8'), 'text/html')

  expect([...page.querySelectorAll('style, [style], script:not([src])')]).toEqual([])
  for (const element of page.querySelectorAll('*')) {
    expect(element.getAttributeNames().filter((attribute) => attribute.startsWith('on'))).toEqual([])
  }
  for (const element of page.querySelectorAll('[src], link[href]')) {
    expect(element.getAttribute('src') ?? element.getAttribute('href')).toMatch(/^\//)
  }
})

test.each(pages.filter((name) => name !== 'index.html'))('%s names its language and labels every input', (name) => {
  const page = new DOMParser().parseFromString(readFileSync(resolve(root, name), 'utf8'), 'text/html')

  expect(page.documentElement.getAttribute('lang')).toBe('en')
  expect(page.querySelectorAll('h1')).toHaveLength(1)
  for (const input of page.querySelectorAll('input')) {
    expect(page.querySelector(`label[for="${input.id}"]`), input.id).not.toBeNull()
  }
})

test('no source writes styles as text, which the policy refuses; those that React sets through the CSSOM are none', () => {
  const files = readdirSync(resolve(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name) && !name.includes('generated'))
  const asText = /style=\\?["'`]|setAttribute\(\s*['"`]style|innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySetInnerHTML|<style\b/i

  expect(files.some((file) => file.endsWith('.tsx'))).toBe(true)
  for (const file of files) expect(readFileSync(resolve(root, 'src', file), 'utf8'), file).not.toMatch(asText)
  for (const text of ['<p style="color: red">', 'at.innerHTML = text', "at.setAttribute('style', text)"]) expect(text).toMatch(asText)
  expect("<form style={{ display: 'contents' }}>").not.toMatch(asText)
})
