/** What clients notice of snapshots, and what memory they take: one after the other, without a pause. */
import { setTimeout as sleep } from 'node:timers/promises'
import { best, type Bench, type Effort, type Row } from '../lib/bench.ts'
import { residentBytes } from '../lib/process-figures.ts'
import { KEYS, VALUE_BYTES, round, type Load } from '../lib/served.ts'
import { connect, fill, startSkeg, type Server } from '../lib/servers.ts'

/** A hundredth of a short round is little, and a neighbour on the machine changes it: pairs of rounds, for each round asked for. */
const PAIRS = 4

/** Has snapshots taken until stopped; counts them, and the most memory that was seen. */
async function snapshots(server: Server): Promise<() => Promise<Record<string, number>>> {
  const socket = await connect(server.port)
  let stopped = false
  let taken = 0
  let most = 0
  socket.on('data', (chunk: Buffer) => {
    if (chunk.toString().includes('+OK')) {
      taken++
      if (!stopped) socket.write('SAVE\r\n')
    }
  })
  socket.write('SAVE\r\n')
  const watch = setInterval(() => (most = Math.max(most, residentBytes(server.pid))), 10)
  return async () => {
    stopped = true
    const before = taken
    while (taken === before) await sleep(5)
    clearInterval(watch)
    socket.destroy()
    return { snapshots: taken, resident_bytes: most }
  }
}

async function measure(
  server: Server,
  load: Load,
  effort: Effort,
  during: boolean,
): Promise<Record<string, number>> {
  const resident = residentBytes(server.pid)
  const stop = during ? await snapshots(server) : undefined
  const figures = await round(server, load, 1, effort)
  const more = (await stop?.()) ?? { resident_bytes: resident }
  return { ...figures, ...more }
}

export const bench: Bench = {
  name: 'snapshot-impact',
  what: 'p99 of GET and SET and resident memory while snapshots of a million keys are taken',
  bars: ['GET', 'SET'].flatMap((condition) => [
    { condition, figure: 'p99_ms', peer: 'without', value: 1.2, atMost: true },
    { condition, figure: 'resident_bytes', peer: 'without', value: 1.2, atMost: true },
  ]),
  async run(effort) {
    const server = await startSkeg('everysec')
    try {
      await fill(server, KEYS, VALUE_BYTES)
      const rows: Row[] = []
      for (const command of ['GET', 'SET'] as const) {
        const load: Load = { command, pipelines: [1], persistence: 'everysec', requests: 200_000 }
        const rounds: Record<string, number>[][] = [[], []]
        for (let n = 0; n < PAIRS * effort.rounds; n++) {
          for (const [at, during] of [false, true].entries()) {
            rounds[at]?.push(await measure(server, load, effort, during))
          }
        }
        for (const [at, subject] of ['without', 'skeg'].entries()) {
          rows.push({ subject, condition: command, figures: best(rounds[at] ?? []) })
        }
      }
      return rows
    } finally {
      await server.stop()
    }
  },
}
