/** The texts of one language by the name of the file they stand in. */
export function byNamespace(files: Record<string, { default: Record<string, unknown> }>): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(files).map(([path, file]) => [path.replace(/^.*\/|\.json$/g, ''), file.default]),
  )
}
