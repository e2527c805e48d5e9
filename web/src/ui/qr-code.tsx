// A QR code as a picture: dark on light in both colour schemes, because readers expect it so.

import Box from '@mui/material/Box'

import { path, type Qr } from '../lib/qr'

export function QrCode({ qr, label }: { qr: Qr; label: string }) {
  return (
    // An <img> would need the code as an address, which is a secret more in the page.
    // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role
    <Box component="svg" viewBox={`0 0 ${qr.size} ${qr.size}`} role="img" aria-label={label} shapeRendering="crispEdges" sx={{ display: 'block', width: '100%', maxWidth: 320, borderRadius: 1 }}>
      <path fill="#fff" d={`M0 0h${qr.size}v${qr.size}H0z`} />
      <path fill="#000" d={path(qr)} />
    </Box>
  )
}
