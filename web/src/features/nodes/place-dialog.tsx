// Puts a node into a network, or changes its port there and what clients are told.

import Alert from '@mui/material/Alert'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import type { Network, Node, Schema } from '../../api/types'
import { SelectInput, TextInput } from '../../form/fields'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { changed, numberOf, optionalNumber, textOf } from '../../form/values'
import { useDone } from '../../ui/use-act'
import { createPlace, type Place, updatePlace } from './queries'

interface PlaceValues {
  network_id: string
  listen_port: string
  endpoint_host: string
  endpoint_port: string
}

function valuesOf(place: Place | undefined, only: Network | undefined): PlaceValues {
  return {
    network_id: place?.network_id ?? only?.id ?? '',
    listen_port: place?.listen_port.toString() ?? '',
    endpoint_host: place?.endpoint_host ?? '',
    endpoint_port: place?.endpoint_port?.toString() ?? '',
  }
}

function bodyOf(values: PlaceValues): Schema<'UpdateNodeNetwork'> {
  const port = numberOf(values.listen_port)
  return {
    endpoint_host: textOf(values.endpoint_host),
    endpoint_port: numberOf(values.endpoint_port),
    ...(port === null ? {} : { listen_port: port }),
  }
}

export function PlaceDialog({ node, place, networks, nameOf, onClose }: { node: Node; place: Place | undefined; networks: Network[]; nameOf: (id: string) => string; onClose: () => void }) {
  const { t } = useTranslation(['nodes', 'common'])
  const done = useDone()
  const values = valuesOf(place, networks.length === 1 ? networks[0] : undefined)
  const form = useApiForm({
    schema: z.object({
      network_id: z.string().min(1, t('common:form.needed')),
      listen_port: place ? z.string().regex(/^\s*\d+\s*$/, t('place.portNeeded')) : optionalNumber(t('common:form.number')),
      endpoint_host: z.string(),
      endpoint_port: optionalNumber(t('common:form.number')),
    }),
    values,
    send: async (typed) => {
      const body = bodyOf(typed)
      if (place) await updatePlace(place, changed(bodyOf(values), body))
      else await createPlace(node.id, { ...body, network_id: typed.network_id })
      await done(t('common:done.saved'))
      onClose()
    },
  })
  const name = place ? nameOf(place.network_id) : ''
  return (
    <FormDialog api={form} title={place ? t('place.edit', { name }) : t('place.add')} act={t(place ? 'common:act.save' : 'common:act.create')} onClose={onClose}>
      {place && <Alert severity="info">{t('place.outdates')}</Alert>}
      {!place && <SelectInput name="network_id" label={t('place.network')} options={networks.map((network) => [network.id, network.name] as const)} />}
      <TextInput name="listen_port" inputMode="numeric" label={t('place.port')} hint={t(place ? 'place.portHint' : 'place.portHintNew')} />
      <TextInput name="endpoint_host" ltr label={t('place.host')} hint={t('place.hostHint')} />
      <TextInput name="endpoint_port" inputMode="numeric" label={t('place.toldPort')} hint={t('place.toldPortHint')} />
    </FormDialog>
  )
}
