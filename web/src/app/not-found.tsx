import Button from '@mui/material/Button'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'

import { Empty, PageHeader } from '../ui/parts'
import { paths } from './paths'

export function Component() {
  const { t } = useTranslation()
  return (
    <>
      <PageHeader title={t('notFound.title')} />
      <Empty
        title={t('notFound.lead')}
        text={t('notFound.text')}
        action={
          <Button component={Link} to={paths.home()} variant="contained">
            {t('notFound.home')}
          </Button>
        }
      />
    </>
  )
}
