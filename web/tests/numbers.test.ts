import i18next from 'i18next'
import { beforeEach, expect, test } from 'vitest'

import { chooseLanguage, startI18n } from '../src/i18n'

beforeEach(() => startI18n('en'))

test('a number in a Persian text has Persian digits', async () => {
  await chooseLanguage('fa')

  expect(i18next.t('usage:days', { count: 365 })).toBe('۳۶۵ روز')
})

test('a long number is grouped as the language groups it, and still chooses the plural', async () => {
  await chooseLanguage('de')

  expect(i18next.t('usage:days', { count: 1234 })).toBe('1.234 Tage')
  expect(i18next.t('usage:days', { count: 1 })).toBe('1 Tag')
})
