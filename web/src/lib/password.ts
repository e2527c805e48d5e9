// The server's rules of a password's length; which passwords guessers try first, it alone knows.

/** Fewest characters, and most bytes, as bcrypt counts no further. */
export const PASSWORD = { leastCharacters: 12, mostBytes: 71 }

/** Bytes of UTF-8. */
export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length
}

export type Length = 'short' | 'good' | 'long'

export function passwordLength(password: string): Length {
  if ([...password].length < PASSWORD.leastCharacters) return 'short'
  return byteLength(password) > PASSWORD.mostBytes ? 'long' : 'good'
}
