/** Measures all subjects on one set, alternating, and makes rows of what was found. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { best, type Effort, type Row } from '../lib/bench.ts'
import type { Curve } from './chart.ts'
import type { Figures, VectorSet } from './figures.ts'
import { NPM_PEERS, npmPeer } from './npm.ts'
import { deviceFigures, pythonPeer, PYTHON_PEERS } from './peers.ts'
import { vectorSet } from './sets.ts'
import { Served, servedSubjects } from './skeg.ts'
import type { Subject } from './subject.ts'

export const PEERS = [...PYTHON_PEERS, ...NPM_PEERS]

export const KS = [10, 100]
const SECONDS = 1.5
/** Recalls at which the fastest point of each subject is told. */
const RECALLS = [0.95, 0.99]
/** As many rows as the bounds leave. */
const DEFAULT = 0

export interface Point {
  subject: Subject
  k: number
  point: number
  figures: Figures
}

/** Builds skeg's index, looks at what it takes, and opens it again. */
async function skeg(set: VectorSet, data: string): Promise<Subject[]> {
  const first = await Served.start(set, data)
  const built = await first.build()
  const after = await first.memory()
  await first.close()
  const [served, opened] = await Served.reopen(set, data)
  const { resident_mib = 0 } = await served.memory()
  return servedSubjects(served, { ...built, ...after, reopened_mib: resident_mib, ...opened })
}

/** Every point of every subject, in turns; `tell` is called after each round. */
export async function measured(
  subjects: Subject[],
  effort: Effort,
  tell: (what: string) => void = () => undefined,
): Promise<Point[]> {
  const seconds = SECONDS * effort.scale
  const points: Point[] = []
  for (const k of KS) {
    const asked = subjects.flatMap((subject) =>
      subject.points(k).map((point) => ({ subject, point, rounds: [] as Figures[] })),
    )
    for (let round = 0; round < effort.rounds; round++) {
      for (const { subject, point, rounds } of asked) {
        const one = await subject.measure({ k, point, threads: 1, seconds })
        const two = await subject.measure({ k, point, threads: 2, seconds })
        rounds.push({
          ...one,
          two_threads_per_second: two['per_second'] ?? 0,
          two_threads_per_cpu_second: two['per_cpu_second'] ?? 0,
          // Of one round, so that both had the same neighbours.
          two_to_one: (two['per_second'] ?? 0) / (one['per_second'] ?? 1),
        })
      }
      tell(`k = ${k}, round ${round + 1} of ${effort.rounds}: measured`)
    }
    for (const { subject, point, rounds } of asked) {
      points.push({ subject, k, point, figures: best(rounds) })
    }
  }
  return points
}

async function cold(subjects: Subject[], set: VectorSet): Promise<Row[]> {
  const rows: Row[] = []
  const device = await deviceFigures(set)
  for (const { name, measureCold } of subjects) {
    if (!measureCold) continue
    for (const k of KS) {
      const one = await measureCold({ k, point: DEFAULT, threads: 1, seconds: 0 })
      const two = await measureCold({ k, point: DEFAULT, threads: 2, seconds: 0 })
      const figures = { ...one, two_threads_per_second: two['per_second'] ?? 0, ...device }
      rows.push({ subject: name, condition: `k=${k} cold`, figures })
    }
  }
  return rows
}

/** What a recall is called that a search for k rows is judged by. */
function recallOf({ k, figures }: Point): number {
  return figures[`recall_${k}`] ?? 0
}

/** The fastest point of each subject that reaches each recall. */
export function atRecalls(points: Point[]): Row[] {
  const rows: Row[] = []
  for (const k of KS) {
    for (const recall of RECALLS) {
      for (const subject of new Set(points.map((point) => point.subject))) {
        const reaching = points.filter(
          (point) => point.subject === subject && point.k === k && recallOf(point) >= recall,
        )
        const rate = ({ figures }: Point): number => figures['per_second'] ?? 0
        const fastest = reaching.sort((a, b) => rate(b) - rate(a))[0]
        if (!fastest) continue
        const condition = `k=${k} at ${recall}`
        const figures = { [subject.unit]: fastest.point, ...fastest.figures }
        rows.push({ subject: subject.name, condition, figures })
      }
    }
  }
  return rows
}

export interface Choice {
  data?: string | undefined
  rows?: number | undefined
  peers: string[]
}

/** Rows for the table, and curves for the chart. */
export async function measureVectors(choice: Choice, effort: Effort): Promise<[Row[], Curve[]]> {
  const [set, cache] = await vectorSet(choice.data, choice.rows)
  const scratch = mkdtempSync(path.join(tmpdir(), 'skeg-vector-'))
  const subjects: Subject[] = []
  try {
    subjects.push(...(await skeg(set, path.join(scratch, 'skeg'))))
    for (const name of choice.peers) {
      const isFromNpm = NPM_PEERS.includes(name)
      const peer = await (isFromNpm ? npmPeer : pythonPeer)(name, set, cache)
      if (peer) subjects.push(peer)
    }
    const points = await measured(subjects, effort)
    const rows = points.map(({ subject, k, point, figures }): Row => {
      const where = point === DEFAULT ? 'default' : `${subject.unit} ${point}`
      return { subject: subject.name, condition: `k=${k} ${where}`, figures }
    })
    rows.push(...atRecalls(points), ...(await cold(subjects, set)))
    for (const { name, about } of subjects) {
      if (Object.keys(about).length > 0)
        rows.push({ subject: name, condition: 'index', figures: about })
    }
    const curves = subjects.flatMap((subject) =>
      KS.map((k) => ({
        subject: subject.name,
        k,
        points: points
          .filter((point) => point.subject === subject && point.k === k)
          .map((point) => ({
            recall: recallOf(point),
            perSecond: point.figures['per_second'] ?? 0,
          }))
          .sort((a, b) => a.recall - b.recall),
      })),
    )
    return [rows, curves]
  } finally {
    for (const subject of subjects) await subject.close()
    rmSync(scratch, { recursive: true, force: true })
  }
}
