// A user where only the id is known.

import Link from '@mui/material/Link'
import { useQuery } from '@tanstack/react-query'
import { Link as RouterLink } from 'react-router'

import { paths } from '../../app/paths'
import { userQuery } from './queries'

/** Names change seldom; a list asks for each of them once. */
const NAMES_KEEP_MS = 300_000

export function useUserName(id: string): string | undefined {
  return useQuery({ ...userQuery(id), staleTime: NAMES_KEEP_MS, retry: false }).data?.login
}

export function UserName({ id, link = false }: { id: string; link?: boolean }) {
  const name = useUserName(id) ?? '…'
  if (!link) return name
  return (
    <Link component={RouterLink} to={paths.users.detail(id)}>
      {name}
    </Link>
  )
}
