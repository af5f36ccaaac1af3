/** The peers from PyPI, in an environment of their own. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { run } from '../../scripts/lib/process.ts'
import { fromRoot } from '../../scripts/lib/root.ts'
import { childSubject } from './child.ts'
import type { Figures, VectorSet } from './figures.ts'
import type { Subject } from './subject.ts'

const PACKAGES = [
  'numpy==2.4.6',
  'scipy==1.17.1',
  'scikit-learn==1.9.1',
  'faiss-cpu==1.15.1',
  'hnswlib==0.8.0',
  'usearch==2.26.6',
]

/** Points of each peer by k: from fast to exact. */
const PEERS: Record<string, { unit: string; points: Record<number, number[]> }> = {
  'faiss-flat': {
    unit: 'k_factor',
    points: { 10: [2, 4, 8, 16, 32], 100: [2, 3, 4, 5, 8] },
  },
  hnswlib: {
    unit: 'ef',
    points: { 10: [40, 80, 160, 320, 640, 1280], 100: [100, 200, 400, 800, 1600] },
  },
  'faiss-hnsw': {
    unit: 'ef',
    points: { 10: [40, 80, 160, 320, 640], 100: [100, 200, 400, 800] },
  },
  usearch: {
    unit: 'expansion',
    points: { 10: [40, 80, 160, 320, 640], 100: [100, 200, 400, 800] },
  },
}

export const PYTHON_PEERS = Object.keys(PEERS)

/** Where what is made once is kept. */
export const CACHE = fromRoot('.cache', 'bench', 'vector')

/** The interpreter that has the peers: made on first use. */
export async function python(): Promise<string> {
  const venv = path.join(CACHE, 'venv')
  const interpreter = path.join(venv, 'bin', 'python')
  const ready = path.join(venv, 'ready')
  if (existsSync(ready)) return interpreter
  for (const [program, ...args] of [
    ['python3', '-m', 'venv', venv],
    [interpreter, '-m', 'pip', 'install', '--quiet', ...PACKAGES],
    ['touch', ready],
  ]) {
    const { code, output } = await run(program ?? '', args, { silent: true })
    if (code !== 0) throw new Error(`the peers could not be installed:\n${output}`)
  }
  return interpreter
}

/** What the device that has the set can read at most. */
export async function deviceFigures(set: VectorSet): Promise<Figures> {
  const script = fromRoot('bench', 'vector', 'device.py')
  const args = [script, path.join(set.folder, 'base.fbin')]
  const { code, stdout, output } = await run(await python(), args, { silent: true })
  if (code !== 0) throw new Error(`the device could not be measured:\n${output}`)
  return JSON.parse(stdout) as Figures
}

export async function pythonPeer(name: string, set: VectorSet, cache: string): Promise<Subject> {
  const { unit = '', points = {} } = PEERS[name] ?? {}
  const script = fromRoot('bench', 'vector', 'peers.py')
  return childSubject({ name, unit, points: (k) => points[k] ?? [] }, await python(), [
    script,
    name,
    set.folder,
    path.join(cache, name),
  ])
}
