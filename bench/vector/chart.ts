/** Recall against searches per second, as SVG: a panel for each k, a line for each subject. */
import { escapeXml, ticks } from './svg.ts'

export interface Curve {
  subject: string
  k: number
  points: { recall: number; perSecond: number }[]
}

/**
 * What upstream's skeg 0.7.2 (tq2, disk, warm) and others reached on the same kind of data, on one thread of
 * another machine (AMD EPYC with AVX-512): searches per second at a recall of at least so much.
 */
const ELSEWHERE: Curve[] = [
  { subject: 'upstream skeg 0.7.2 (elsewhere)', k: 10, points: [at(0.95, 1080), at(0.99, 784)] },
  { subject: 'upstream skeg 0.7.2 (elsewhere)', k: 100, points: [at(0.95, 926)] },
  { subject: 'DiskANN PQ128 (elsewhere)', k: 10, points: [at(0.95, 412)] },
  { subject: 'DiskANN PQ128 (elsewhere)', k: 100, points: [at(0.95, 120)] },
]

function at(recall: number, perSecond: number): Curve['points'][number] {
  return { recall, perSecond }
}

const WIDTH = 460
const HEIGHT = 380
const LEFT = 64
const TOP = 40
const COLOURS = [
  '#c2185b',
  '#ec407a',
  '#1565c0',
  '#2e7d32',
  '#ef6c00',
  '#6a1b9a',
  '#00838f',
  '#5d4037',
  '#9e9e9e',
  '#bdbdbd',
]
/** Recall is drawn by how much is missed, which differs by orders of magnitude. */
const RECALLS = [0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999]

function panel(k: number, curves: Curve[], colours: Map<string, string>, left: number): string {
  const rates = curves.flatMap(({ points }) => points.map(({ perSecond }) => perSecond))
  const [low, high] = [Math.min(...rates) / 1.5, Math.max(...rates) * 1.5]
  const missed = (recall: number): number => Math.log10(1 - Math.min(recall, 0.9999))
  const [first, last] = [missed(0.9), missed(0.9999)]
  const x = (recall: number): number =>
    left + LEFT + ((missed(Math.max(recall, 0.9)) - first) / (last - first)) * WIDTH
  const y = (rate: number): number =>
    TOP + HEIGHT - (Math.log(rate / low) / Math.log(high / low)) * HEIGHT
  const parts = [`<text x="${x(0.9)}" y="24" class="title">k = ${k}, recall@${k}</text>`]
  for (const recall of RECALLS) {
    parts.push(
      `<line x1="${x(recall)}" x2="${x(recall)}" y1="${TOP}" y2="${TOP + HEIGHT}" class="grid"/>`,
      `<text x="${x(recall)}" y="${TOP + HEIGHT + 16}" class="tick" text-anchor="middle">${recall}</text>`,
    )
  }
  for (const rate of ticks(low, high)) {
    parts.push(
      `<line x1="${x(0.9)}" x2="${x(0.9999)}" y1="${y(rate)}" y2="${y(rate)}" class="grid"/>`,
      `<text x="${x(0.9) - 6}" y="${y(rate) + 4}" class="tick" text-anchor="end">${rate}</text>`,
    )
  }
  for (const { subject, points } of curves) {
    const colour = colours.get(subject) ?? '#000'
    // What is below the scale has no place.
    const shown = points.filter(({ recall }) => recall >= 0.9)
    const places = shown.map(({ recall, perSecond }) => [x(recall), y(perSecond)] as const)
    const dashed = subject.endsWith('(elsewhere)') ? ' stroke-dasharray="4 3"' : ''
    parts.push(
      `<polyline points="${places.map((place) => place.join(',')).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"${dashed}/>`,
      ...places.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`),
    )
  }
  return parts.join('\n')
}

/** The chart of measured curves, with what upstream and others reached elsewhere. */
export function chart(title: string, measured: Curve[]): string {
  const curves = [...measured, ...ELSEWHERE].filter(({ points }) => points.length > 0)
  const names = [...new Set(curves.map(({ subject }) => subject))]
  const colours = new Map(names.map((name, n) => [name, COLOURS[n % COLOURS.length] ?? '#000']))
  const ks = [...new Set(measured.map(({ k }) => k))]
  const width = ks.length * (WIDTH + LEFT + 24)
  const bottom = TOP + HEIGHT + 40
  const legend = names.map((name, n) => {
    const [x, y] = [LEFT + (n % 3) * 300, bottom + 16 * Math.floor(n / 3)]
    const mark = `<rect x="${x}" y="${y - 9}" width="10" height="10" fill="${colours.get(name)}"/>`
    return `${mark}<text x="${x + 16}" y="${y}" class="tick">${escapeXml(name)}</text>`
  })
  const height = bottom + 16 * Math.ceil(names.length / 3) + 24
  const panels = ks.map((k, n) => {
    const those = curves.filter((curve) => curve.k === k)
    return panel(k, those, colours, n * (WIDTH + LEFT + 24))
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif">
<style>.grid{stroke:#ddd}.tick{font-size:11px;fill:#444}.title{font-size:14px}</style>
<rect width="100%" height="100%" fill="#fff"/>
${[...panels, ...legend].join('\n')}
<text x="${LEFT}" y="${height - 8}" class="tick">${escapeXml(title)}; searches per second of one thread or connection, upwards, against recall</text>
</svg>
`
}
