import Link from '@mui/material/Link'
import { useQuery } from '@tanstack/react-query'
import { Link as RouterLink } from 'react-router'

import { paths } from '../../app/paths'
import { Code } from '../../ui/parts'
import { userQuery } from './queries'

/** Names change seldom, and one list names the same few people again and again. */
const KEPT_MS = 300_000

/** The account of an id by its login; an account that is gone keeps its id. */
export function UserName({ id, link = false }: { id: string | null | undefined; link?: boolean }) {
  const { data } = useQuery({ ...userQuery(id ?? ''), enabled: Boolean(id), staleTime: KEPT_MS })
  if (!id) return <>–</>
  if (!data) return <Code>{id.slice(0, 13)}</Code>
  return link ? (
    <Link component={RouterLink} to={paths.users.detail(id)}>
      {data.login}
    </Link>
  ) : (
    <>{data.login}</>
  )
}
