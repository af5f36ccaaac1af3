/** Opening a database: small records from the log, from a snapshot, and large values. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { run } from '../../scripts/lib/process.ts'
import { best, type Bench, type Row } from '../lib/bench.ts'

interface Opened {
  records: number
  entries: number
  bytes: number
  seconds: number
  cpu_seconds: number
}

/** Runs the example of skeg-engine that writes and opens databases. */
async function example(...args: string[]): Promise<string> {
  const cargo = ['run', '--release', '--quiet', '-p', 'skeg-engine', '--example', 'recovery', '--']
  const { code, stdout, output } = await run('cargo', [...cargo, ...args], { silent: true })
  if (code !== 0) throw new Error(`the example failed:\n${output}`)
  return stdout
}

async function open(folder: string): Promise<Record<string, number>> {
  const found = JSON.parse(await example(folder, 'open')) as Opened
  const records = found.records + found.entries
  const gigabytes = found.bytes / 1e9
  return {
    records_per_second: records / found.seconds,
    records_per_cpu_second: records / found.cpu_seconds,
    gigabytes_per_second: gigabytes / found.seconds,
    gigabytes_per_cpu_second: gigabytes / found.cpu_seconds,
    gigabyte_ms: (found.seconds * 1_000) / gigabytes,
  }
}

export const bench: Bench = {
  name: 'recovery',
  what: 'opening a database: 4 million records of 64 bytes, 1 GB of values of 64 KiB',
  bars: [
    { condition: 'small, log', figure: 'records_per_cpu_second', value: 2_000_000 },
    { condition: 'small, snapshot', figure: 'records_per_cpu_second', value: 2_000_000 },
    { condition: 'large, log', figure: 'gigabytes_per_cpu_second', value: 1 },
  ],
  async run({ rounds, scale }) {
    const scratch = mkdtempSync(path.join(tmpdir(), 'skeg-recovery-'))
    const rows: Row[] = []
    try {
      for (const [kind, count, valueBytes] of [
        ['small', 4_000_000 * scale, 64],
        ['large', 16_000 * scale, 65_536],
      ] as const) {
        const folder = path.join(scratch, kind)
        await example(folder, 'fill', `${Math.round(count)}`, `${valueBytes}`)
        for (const from of ['log', 'snapshot']) {
          if (from === 'snapshot') await example(folder, 'snapshot')
          const opened: Record<string, number>[] = []
          for (let n = 0; n < rounds; n++) opened.push(await open(folder))
          rows.push({ subject: 'skeg', condition: `${kind}, ${from}`, figures: best(opened) })
        }
        rmSync(folder, { recursive: true })
      }
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
    return rows
  },
}
