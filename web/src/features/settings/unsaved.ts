import { createContext } from 'react'

/** A section tells whether something typed in it is not saved yet, so that the page can ask before it goes away. */
export const Unsaved = createContext<(section: string, typed: boolean) => void>(() => {})
