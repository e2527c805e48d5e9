// A user where only the id is known.

import Link from '@mui/material/Link'
import { useQuery } from '@tanstack/react-query'
import { Link as RouterLink } from 'react-router'

import { paths } from '../../app/paths'
import { Code } from '../../ui/parts'
import { userQuery } from './queries'

/** Names change seldom; a list asks for each of them once. */
const NAMES_KEEP_MS = 300_000

export function useUserName(id: string): string | undefined {
  return useUser(id).data?.login
}

/** The login; of an account that is gone, or not for the reader to see, what its id begins with. */
export function UserName({ id, link = false }: { id: string | null | undefined; link?: boolean }) {
  const { data, isPending } = useUser(id ?? '')
  if (!id) return '–'
  if (!data) return isPending ? '…' : <Code>{id.slice(0, 13)}</Code>
  if (!link) return data.login
  return (
    <Link component={RouterLink} to={paths.users.detail(id)}>
      {data.login}
    </Link>
  )
}

function useUser(id: string) {
  return useQuery({ ...userQuery(id), staleTime: NAMES_KEEP_MS, retry: false, enabled: id !== '' })
}
