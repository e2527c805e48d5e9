// Shows a finished configuration: QR code, files to save, text to copy.

import { fileName, forQr, lacksPrivateKey } from './conf.ts'
import { button, copy, element, save } from './dom.ts'
import { makeQr, toPng, toSvg, type Qr } from './qr.ts'

/** Builds the view. A configuration without its private key gets no QR code: an app could not use it. */
export function configView(config: string, deviceName: string): HTMLElement {
  const view = element('div')
  const name = fileName(deviceName)
  const qr = lacksPrivateKey(config) ? undefined : makeQr(forQr(config))
  if (qr) view.append(...scanPart(qr))
  view.append(...filePart(config, name, qr))
  return view
}

function scanPart(qr: Qr): HTMLElement[] {
  const picture = toSvg(qr, 'QR code of the configuration')
  picture.classList.add('qr')
  const holder = element('div')
  holder.append(picture)
  const text = 'In the WireGuard app choose “Add a tunnel”, then “Create from QR code”.'
  return [element('h2', 'On a phone: scan'), element('p', text), holder]
}

function filePart(config: string, name: string, qr: Qr | undefined): HTMLElement[] {
  const actions = element('div', '', 'actions')
  const said = element('p', '', 'done')
  said.setAttribute('role', 'status')
  const saveText = button(`Save ${name}`, () => save(new Blob([config], { type: 'text/plain' }), name))
  saveText.classList.add('main')
  actions.append(saveText)
  actions.append(
    button('Copy text', async () => {
      const done = await copy(config)
      said.textContent = done ? 'Copied.' : 'The browser did not allow copying; open the text below.'
    }),
  )
  if (qr) actions.append(...pictureButtons(qr, name))
  const details = element('details')
  details.append(element('summary', 'Show the text'), element('pre', config))
  const text = 'Import the file in the WireGuard app, or use it with wg-quick.'
  return [element('h2', 'On a computer: import the file'), element('p', text), actions, said, details]
}

function pictureButtons(qr: Qr, name: string): HTMLButtonElement[] {
  const base = name.replace(/\.conf$/, '')
  const svg = button('Save SVG', () => {
    const text = new XMLSerializer().serializeToString(toSvg(qr, 'QR code'))
    save(new Blob([text], { type: 'image/svg+xml' }), `${base}.svg`)
  })
  const png = button('Save PNG', async () => {
    const picture = await toPng(qr)
    if (picture) save(picture, `${base}.png`)
  })
  return [svg, png]
}
