// Draws a QR code without a server and without inline styles, which the content security policy forbids.

import { encode } from 'uqr'

/** Light squares around the code that every reader needs (ISO/IEC 18004 §6.3.8). */
const QUIET = 4
const SVG = 'http://www.w3.org/2000/svg'

export interface Qr {
  size: number
  dark: (x: number, y: number) => boolean
}

/** Undefined when the text is more than a QR code holds. */
export function makeQr(text: string): Qr | undefined {
  try {
    const { data, size } = encode(text, { ecc: 'M', border: QUIET })
    return { size, dark: (x, y) => data[y]?.[x] ?? false }
  } catch {
    return undefined
  }
}

/** One path of unit squares, joined along each row. */
export function path(qr: Qr): string {
  const parts: string[] = []
  for (let y = 0; y < qr.size; y += 1) {
    let start = -1
    for (let x = 0; x <= qr.size; x += 1) {
      const dark = x < qr.size && qr.dark(x, y)
      if (dark && start < 0) start = x
      if (!dark && start >= 0) {
        parts.push(`M${start} ${y}h${x - start}v1h${start - x}z`)
        start = -1
      }
    }
  }
  return parts.join('')
}

export function toSvg(qr: Qr, label: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('xmlns', SVG)
  svg.setAttribute('viewBox', `0 0 ${qr.size} ${qr.size}`)
  svg.setAttribute('shape-rendering', 'crispEdges')
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', label)
  const back = document.createElementNS(SVG, 'path')
  back.setAttribute('fill', '#fff')
  back.setAttribute('d', `M0 0h${qr.size}v${qr.size}H0z`)
  const dark = document.createElementNS(SVG, 'path')
  dark.setAttribute('fill', '#000')
  dark.setAttribute('d', path(qr))
  svg.append(back, dark)
  return svg
}

/** A picture with whole pixels for each square. */
export async function toPng(qr: Qr): Promise<Blob | null> {
  const scale = Math.max(4, Math.floor(1024 / qr.size))
  const canvas = document.createElement('canvas')
  canvas.width = qr.size * scale
  canvas.height = qr.size * scale
  const pen = canvas.getContext('2d')
  if (!pen) return null
  pen.fillStyle = '#fff'
  pen.fillRect(0, 0, canvas.width, canvas.height)
  pen.fillStyle = '#000'
  for (let y = 0; y < qr.size; y += 1) {
    for (let x = 0; x < qr.size; x += 1) {
      if (qr.dark(x, y)) pen.fillRect(x * scale, y * scale, scale, scale)
    }
  }
  return new Promise((resolve) => {
    canvas.toBlob(resolve, 'image/png')
  })
}
