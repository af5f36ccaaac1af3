/** Latency over the network while other programs keep every core busy. */
import type { Bench, Row } from '../lib/bench.ts'
import { besideNeighbours } from '../lib/neighbours.ts'
import { served } from '../lib/served.ts'

const commands = ['GET', 'SET'] as const

export const bench: Bench = {
  name: 'served-neighbours',
  what: 'GET and SET at pipeline 1 against redis-server while other programs keep every core busy',
  bars: commands.map((command) => ({
    condition: `${command} P=1`,
    figure: 'p99_ms',
    peer: 'redis',
    value: 1,
    atMost: true,
  })),
  async run(effort) {
    const rows: Row[] = []
    for (const command of commands) {
      const measured = await besideNeighbours(() =>
        served({ command, pipelines: [1], persistence: 'none', requests: 150_000 }, effort),
      )
      rows.push(...measured.map((row) => ({ ...row, condition: `${command} ${row.condition}` })))
    }
    return rows
  },
}
