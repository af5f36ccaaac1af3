/** Searches one after the other on one connection, as somebody feels them who waits for each. */
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuSeconds } from '../lib/process-figures.ts'
import { queriesOf, type VectorSet } from './figures.ts'
import { encode, granted, type Connection } from './resp.ts'

/** A search for ten rows at the default, for each query, or its first `dim` numbers. */
export function searches(
  index: string,
  asked: Pick<VectorSet, 'queries' | 'dim'>,
  dim = asked.dim,
): Buffer[] {
  return queriesOf(asked).map((query) => {
    const bytes = new Uint8Array(query.buffer, query.byteOffset, dim * query.BYTES_PER_ELEMENT)
    return encode('SKEG.VSEARCH', index, '10', '0', bytes)
  })
}

/** Asks until `isOver`; gives the times in milliseconds. */
export async function timesOf(
  connection: Connection,
  commands: Buffer[],
  isOver: (done: number) => boolean,
): Promise<number[]> {
  const times: number[] = []
  while (!isOver(times.length)) {
    const command = commands[times.length % commands.length]
    if (!command) break
    const asked = performance.now()
    granted(await connection.ask(command))
    times.push(performance.now() - asked)
  }
  return times
}

/** Waits until a server has done what it does by itself. */
export async function atRest(pid: number): Promise<void> {
  for (let quiet = 0, before = cpuSeconds(pid); quiet < 4;) {
    await sleep(250)
    const now = cpuSeconds(pid)
    quiet = now - before < 0.02 ? quiet + 1 : 0
    before = now
  }
}
