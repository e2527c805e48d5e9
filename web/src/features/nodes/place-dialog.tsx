// Puts a node into a network, or changes its port there and what clients are told.

import Alert from '@mui/material/Alert'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import type { Network, Node, Schema } from '../../api/types'
import { SelectInput, TextInput } from '../../form/fields'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { useEditForm } from '../../form/use-edit-form'
import { changed, numberOf, optionalNumber, textOf } from '../../form/values'
import { useDone } from '../../ui/use-act'
import { createPlace, type Place, placesQuery, updatePlace } from './queries'

type PlaceValues = z.infer<ReturnType<typeof placeSchema>>

function placeSchema(listenPort: z.ZodString, t: (key: string) => string) {
  return z.object({
    network_id: z.string().min(1, t('common:form.needed')),
    listen_port: listenPort,
    endpoint_host: z.string(),
    endpoint_port: optionalNumber(t('common:form.number')),
  })
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

/** Puts the node into one of these networks. */
export function NewPlace({ node, networks, onClose }: { node: Node; networks: Network[]; onClose: () => void }) {
  const { t } = useTranslation(['nodes', 'common'])
  const done = useDone()
  const form = useApiForm({
    schema: placeSchema(optionalNumber(t('common:form.number')), (key) => t(key)),
    values: valuesOf(undefined, networks.length === 1 ? networks[0] : undefined),
    send: async (typed) => {
      await createPlace(node.id, { ...bodyOf(typed), network_id: typed.network_id })
      await done(t('common:done.saved'))
      onClose()
    },
  })
  return (
    <FormDialog api={form} title={t('place.add')} act={t('common:act.create')} onClose={onClose}>
      <SelectInput name="network_id" label={t('place.network')} options={networks.map((network) => [network.id, network.name] as const)} />
      <PlaceFields portHint={t('place.portHintNew')} />
    </FormDialog>
  )
}

export function EditPlace({ place, name, onClose }: { place: Place; name: string; onClose: () => void }) {
  const { t } = useTranslation(['nodes', 'common'])
  const done = useDone()
  // One that was taken away meanwhile stands as it was; the server says so when it is saved.
  const read = useSuspenseQuery({ ...placesQuery(place.node_id), select: ({ items }) => items.find(({ id }) => id === place.id) ?? place })
  const form = useEditForm({
    read,
    schema: placeSchema(z.string().regex(/^\s*\d+\s*$/, t('place.portNeeded')), (key) => t(key)),
    values: (row) => valuesOf(row, undefined),
    send: async (opened, before, typed) => {
      await updatePlace(opened, changed(bodyOf(before), bodyOf(typed)))
      await done(t('common:done.saved'))
      onClose()
    },
  })
  return (
    <FormDialog api={form} title={t('place.edit', { name })} act={t('common:act.save')} onClose={onClose}>
      <Alert severity="info">{t('place.outdates')}</Alert>
      <PlaceFields portHint={t('place.portHint')} />
    </FormDialog>
  )
}

function PlaceFields({ portHint }: { portHint: string }) {
  const { t } = useTranslation('nodes')
  return (
    <>
      <TextInput name="listen_port" inputMode="numeric" label={t('place.port')} hint={portHint} />
      <TextInput name="endpoint_host" ltr label={t('place.host')} hint={t('place.hostHint')} />
      <TextInput name="endpoint_port" inputMode="numeric" label={t('place.toldPort')} hint={t('place.toldPortHint')} />
    </>
  )
}
