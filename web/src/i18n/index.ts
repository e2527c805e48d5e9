// The languages of the pages. English is always there to fall back on, as far as the pages are that it is for; another is
// fetched when it is chosen.

import i18next, { type FormatterModule } from 'i18next'
import { initReactI18next } from 'react-i18next'

import { english } from './locales/en'

/** Each by the name it gives itself. */
export const LANGUAGES = { en: 'English', de: 'Deutsch', es: 'Español', fa: 'فارسی' } as const
export type PageLanguage = keyof typeof LANGUAGES

type Words = Record<string, Record<string, unknown>>
const LOADERS: Record<Exclude<PageLanguage, 'en'>, () => Promise<Words>> = {
  de: async () => (await import('./locales/de')).german,
  es: async () => (await import('./locales/es')).spanish,
  fa: async () => (await import('./locales/fa')).persian,
}

const STORED = 'language'

export function isLanguage(value: string | null | undefined): value is PageLanguage {
  return value !== null && value !== undefined && value in LANGUAGES
}

export function directionOf(language: string): 'ltr' | 'rtl' {
  return language === 'fa' ? 'rtl' : 'ltr'
}

/** What was chosen on this machine before, else the first that the browser asks for and we speak. */
export function preferred(): PageLanguage {
  const stored = localStorage.getItem(STORED)
  if (isLanguage(stored)) return stored
  return navigator.languages.map((tag) => tag.split('-')[0]).find(isLanguage) ?? 'en'
}

/** A number in a text is written as the reader's language writes numbers: Persian has digits of its own. */
const numbers: FormatterModule = {
  type: 'formatter',
  init: () => {},
  add: () => {},
  addCached: () => {},
  format: (value, _, language) => (typeof value === 'number' ? value.toLocaleString(language) : value),
}

export async function startI18n(language: PageLanguage = preferred()): Promise<void> {
  await i18next.use(initReactI18next).use(numbers).init({
    lng: 'en',
    fallbackLng: 'en',
    resources: { en: english },
    ns: Object.keys(english),
    defaultNS: 'common',
    interpolation: { escapeValue: false, alwaysFormat: true },
    returnNull: false,
  })
  await show(language)
}

/** Fetches the texts of pages behind those where people arrive. Other languages come whole. */
export async function loadPanelTexts(): Promise<void> {
  addWords('en', (await import('./locales/en-panel')).englishOfPanel)
}

export async function chooseLanguage(language: PageLanguage): Promise<void> {
  localStorage.setItem(STORED, language)
  await show(language)
}

async function show(language: PageLanguage): Promise<void> {
  if (language !== 'en') {
    addWords(language, await LOADERS[language]())
  }
  await i18next.changeLanguage(language)
  document.documentElement.lang = language
  document.documentElement.dir = directionOf(language)
}

function addWords(language: PageLanguage, words: Words): void {
  for (const [namespace, texts] of Object.entries(words)) i18next.addResourceBundle(language, namespace, texts)
}
