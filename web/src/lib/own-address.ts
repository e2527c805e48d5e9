/**
 * The address of this panel that a link names, without its origin; undefined for anything else, which would send people
 * to where the link's maker wants. Read as the browser reads it, so that no spelling means one thing here and another there.
 */
export function ownAddress(wanted: string, origin: string): string | undefined {
  const url = URL.parse(wanted, origin)
  return url?.origin === origin ? url.pathname + url.search + url.hash : undefined
}
