/** What a store takes of its disk while 20 times its data is overwritten. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { run } from '../../scripts/lib/process.ts'
import type { Bench, Row } from '../lib/bench.ts'

const LIVE_MIB = 1_024
const TIMES = 20
const PATTERNS = ['uniform', 'skewed', 'large']

/** Runs the example of skeg-engine that overwrites and looks at the files. */
async function overwrite(pattern: string, liveMib: number): Promise<Record<string, number>> {
  const folder = mkdtempSync(path.join(tmpdir(), 'skeg-amplification-'))
  try {
    const cargo = ['run', '--release', '--quiet', '-p', 'skeg-engine', '--example', 'amplification']
    const args = [...cargo, '--', folder, pattern, `${liveMib}`, `${TIMES}`]
    const { code, stdout, output } = await run('cargo', args, { silent: true })
    if (code !== 0) throw new Error(`the example failed:\n${output}`)
    return JSON.parse(stdout) as Record<string, number>
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const bench: Bench = {
  name: 'amplification',
  what: 'bytes written and size of the files while 1 GiB of data is overwritten 20 times (--quick: 103 MiB)',
  bars: PATTERNS.map((condition) => ({
    condition,
    figure: 'peak_space',
    value: 3,
    atMost: true,
  })),
  // Once whatever the rounds: the figures are counts, and a round writes tens of gigabytes.
  async run({ scale }) {
    const rows: Row[] = []
    for (const condition of PATTERNS) {
      const figures = await overwrite(condition, Math.ceil(LIVE_MIB * scale))
      rows.push({ subject: 'skeg', condition, figures })
    }
    return rows
  },
}
