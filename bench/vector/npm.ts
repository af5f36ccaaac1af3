/** The peers from npm, which keep their rows in files: LanceDB and sqlite-vec. */
import path from 'node:path'
import { run } from '../../scripts/lib/process.ts'
import { fromRoot } from '../../scripts/lib/root.ts'
import { childSubject } from './child.ts'
import type { VectorSet } from './figures.ts'
import type { Subject } from './subject.ts'

/** Points of each peer by k: from fast to exact. Without any it is exact. */
const PEERS: Record<string, { unit: string; points: Record<number, number[]> }> = {
  'lancedb-flat': { unit: 'scan', points: { 10: [1], 100: [1] } },
  'lancedb-pq': { unit: 'probes', points: { 10: [10, 20, 40, 80, 160], 100: [20, 40, 80, 160] } },
  'lancedb-hnsw': {
    unit: 'ef',
    points: { 10: [40, 80, 160, 320, 640], 100: [200, 400, 800] },
  },
  'sqlite-vec': { unit: 'scan', points: { 10: [1], 100: [1] } },
  'sqlite-vec-bit': { unit: 'factor', points: { 10: [4, 16, 64], 100: [4, 16] } },
  'sqlite-vec-int8': { unit: 'factor', points: { 10: [1], 100: [1] } },
}

export const NPM_PEERS = Object.keys(PEERS)

/** The peer, or nothing where its packages do not load: not every platform has binaries of them. */
export async function npmPeer(
  name: string,
  set: VectorSet,
  cache: string,
): Promise<Subject | undefined> {
  const { unit = '', points = {} } = PEERS[name] ?? {}
  const program = ['--import', 'tsx', fromRoot('bench', 'vector', 'npm-child.ts'), name]
  // In a process of its own, as a binary that does not fit may end it.
  const { code, output } = await run(process.execPath, program, { silent: true })
  if (code !== 0) {
    const why = output.trim().split('\n')[0] ?? ''
    console.error(`${name} is left out, as its packages do not load here: ${why || `code ${code}`}`)
    return undefined
  }
  const files = [set.folder, path.join(cache, name)]
  const subject = { name, unit, points: (k: number) => points[k] ?? [] }
  return childSubject(subject, process.execPath, [...program, ...files])
}
