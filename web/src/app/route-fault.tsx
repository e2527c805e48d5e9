// What is shown when a page itself fails: mostly because a new version took away the file that an open page wanted.

import Button from '@mui/material/Button'
import Container from '@mui/material/Container'
import { useTranslation } from 'react-i18next'
import { useRouteError } from 'react-router'

import { Fault } from '../ui/fault'
import { Empty } from '../ui/parts'

export function RouteFault() {
  const { t } = useTranslation()
  const error = useRouteError()
  return (
    <Container maxWidth="sm" component="main">
      <Empty
        title={t('fault.page')}
        text={t('fault.pageText')}
        action={
          <Button variant="contained" onClick={() => location.reload()}>
            {t('act.reload')}
          </Button>
        }
      />
      <Fault error={error} />
    </Container>
  )
}
