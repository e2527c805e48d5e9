/** What the setup made, as far as the page needs it. It holds the only copy of a private key, and is kept nowhere. */
export interface Made {
  login: string
  password: string
  device: string
  /** With the private key in it. */
  conf: string
  fileName: string
  endpointHost: string
  /** The directory of the authority that was set on the server before; null where none is. */
  authority: string | null
}
