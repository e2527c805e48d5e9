export function MemberHome() {
  return null
}
