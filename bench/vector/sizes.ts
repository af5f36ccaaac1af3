/** Scan and graph of one index at several sizes, and what `auto` takes. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Effort, Row } from '../lib/bench.ts'
import type { Figures, VectorSet } from './figures.ts'
import { pythonPeer } from './peers.ts'
import { atRecalls, measured } from './run.ts'
import { Served, servedSubject, type Backend } from './skeg.ts'
import type { Subject } from './subject.ts'

/** A segment with a graph takes so many times the memory of one without, at least. */
const LINKED = 1.3

/** Says how far a size is: a large one takes its time. */
function tell({ rows }: VectorSet, what: string): void {
  console.error(`${rows} rows: ${what}`)
}

/** An index that was built and opened again. */
async function built(
  name: string,
  backend: Backend,
  set: VectorSet,
  data: string,
): Promise<{ subject: (unit: 'rerank' | 'list') => Subject; bytes: number }> {
  const first = await Served.start(set, data)
  const figures = await first.build(backend)
  tell(set, `${name}, ${backend}: built in ${Math.round(figures['build_s'] ?? 0)} s`)
  await first.close()
  const [served, opened] = await Served.reopen(set, data)
  const about: Figures = { ...figures, ...(await served.memory()), ...opened }
  const bytes = await served.indexBytes()
  return { subject: (unit) => servedSubject(name, served, unit, about), bytes }
}

/**
 * `skeg` is an index with `auto`, `skeg-other` one with what `auto` did not take, `scan` or `graph`. What
 * was taken is told as `linked`.
 */
async function both(set: VectorSet, scratch: string): Promise<Subject[]> {
  const flat = await built('skeg-other', 'FLAT', set, path.join(scratch, 'flat'))
  const auto = await built('skeg', 'AUTO', set, path.join(scratch, 'auto'))
  const linked = auto.bytes > flat.bytes * LINKED
  const taken = auto.subject(linked ? 'list' : 'rerank')
  taken.about['linked'] = Number(linked)
  if (linked) return [taken, flat.subject('rerank')]
  await flat.subject('rerank').close()
  const disk = await built('skeg-other', 'DISK', set, path.join(scratch, 'disk'))
  return [taken, disk.subject('list')]
}

/** The rows of one size. */
export async function measureSize(
  [set, cache]: [VectorSet, string],
  peers: string[],
  effort: Effort,
): Promise<Row[]> {
  const scratch = mkdtempSync(path.join(tmpdir(), 'skeg-graph-'))
  const subjects: Subject[] = []
  try {
    subjects.push(...(await both(set, scratch)))
    for (const name of peers) {
      subjects.push(await pythonPeer(name, set, cache))
      tell(set, `${name}: built`)
    }
    const points = await measured(subjects, effort, (what) => {
      tell(set, what)
    })
    const rows = points.map(({ subject, k, point, figures }): Row => {
      return { subject: subject.name, condition: `k=${k} ${subject.unit} ${point}`, figures }
    })
    rows.push(...atRecalls(points))
    rows.push(
      ...subjects.map(({ name, about }) => ({ subject: name, condition: 'index', figures: about })),
    )
    return rows.map((row) => ({ ...row, condition: `${set.rows} rows, ${row.condition}` }))
  } finally {
    for (const subject of subjects) await subject.close()
    rmSync(scratch, { recursive: true, force: true })
  }
}
