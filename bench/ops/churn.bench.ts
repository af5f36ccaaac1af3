/** Vectors whose rows are all replaced ten times: recall against a fresh index, and searches meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { run } from '../../scripts/lib/process.ts'
import type { Bench, Row } from '../lib/bench.ts'
import { vectorSet } from '../vector/sets.ts'

const ROWS = 50_000
const DIM = 384
const TIMES = 10
const BACKENDS = ['disk', 'flat']

/** Runs the example of skeg-engine that replaces rows. */
async function replace(backend: string, set: string, rows: number): Promise<Row['figures']> {
  const to = mkdtempSync(path.join(tmpdir(), 'skeg-churn-'))
  try {
    const cargo = ['run', '--release', '--quiet', '-p', 'skeg-engine', '--example', 'churn']
    const args = [...cargo, '--', to, set, `${rows}`, `${DIM}`, `${TIMES}`, backend]
    const { code, stdout, output } = await run('cargo', args, { silent: true })
    if (code !== 0) throw new Error(`the example failed:\n${output}`)
    return JSON.parse(stdout) as Row['figures']
  } finally {
    rmSync(to, { recursive: true, force: true })
  }
}

export const bench: Bench = {
  name: 'churn',
  what: 'an index whose 50,000 vectors are replaced ten times: recall against a fresh one, p99 meanwhile',
  onlyNamed: true,
  bars: BACKENDS.flatMap((condition) => [
    { condition, figure: 'recall_lost', value: 0.002, atMost: true },
    { condition, figure: 'p99_ratio', value: 2, atMost: true },
  ]),
  // Once whatever the rounds: recall is a count, and a round takes minutes.
  async run({ scale, vectors }) {
    const [{ folder }] = await vectorSet(vectors?.data)
    const rows: Row[] = []
    for (const condition of BACKENDS) {
      const figures = await replace(condition, folder, Math.ceil(ROWS * scale))
      rows.push({ subject: 'skeg', condition, figures })
    }
    return rows
  },
}
