// A QR code as a picture of two paths: no canvas, no inline style, sharp at every size.

import { styled } from '@mui/material/styles'

import { path, type Qr } from '../lib/qr'

const Picture = styled('svg')({ display: 'block', width: '100%', maxWidth: 320, height: 'auto', borderRadius: 4 })

/** Drawn in the page: an `<img>` would want an address, which would hold the secret. */
export function QrCode({ qr, label }: { qr: Qr; label: string }) {
  return (
    // eslint-disable-next-line jsx-a11y/prefer-tag-over-role -- an <img> cannot hold paths
    <Picture role="img" aria-label={label} viewBox={`0 0 ${qr.size} ${qr.size}`} shapeRendering="crispEdges">
      <path fill="#fff" d={`M0 0h${qr.size}v${qr.size}H0z`} />
      <path fill="#000" d={path(qr)} />
    </Picture>
  )
}
