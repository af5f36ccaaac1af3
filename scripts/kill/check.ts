/** Looks at what a kill has left, through a server on the same directory. */
import { connect, ServerProcess, type Durability } from './server.ts'
import {
  INDEX,
  STREAMED,
  TOTAL,
  keyOf,
  operationsIn,
  streamedIn,
  type Found,
  type Progress,
} from './workload.ts'
import type { Redis } from 'ioredis'

async function read(client: Redis, writer: number): Promise<Found> {
  const keys = [keyOf.count, keyOf.list, keyOf.last, keyOf.left, keyOf.right, keyOf.mine]
  const values = await client.mget(keys.map((key) => key(writer)))
  const vector = (await client.callBuffer('SKEG.VGET', INDEX, String(writer))) as Buffer | null
  const [count = null, list = null, last = null, left = null, right = null, mine = null] = values
  const numbers = vector && new Float32Array(new Uint8Array(vector).buffer)
  return { count, list, last, left, right, mine, vector: numbers }
}

/** What was found, in operations. */
export interface Checked {
  /** All that were acknowledged since the last check: all of them are there. */
  acknowledged: number
  /** Those that are there though nobody was told. */
  unacknowledged: number
  /** Large values that were written in pieces, since the beginning. */
  streamed: number
}

/**
 * Compares what is there with what the writers were told, and lets them go on from there. Throws when
 * something acknowledged is missing, when something is there in part, or twice.
 */
export async function check(
  data: string,
  durability: Durability,
  writers: Progress[],
  before: number[],
  streamed: Progress,
): Promise<Checked> {
  const server = new ServerProcess(data, durability)
  const client = connect(await server.ready)
  const checked = { acknowledged: 0, unacknowledged: 0, streamed: 0 }
  try {
    let totals = 0
    for (const [writer, progress] of writers.entries()) {
      const found = await read(client, writer)
      let operations: number
      try {
        operations = operationsIn(found, progress)
      } catch (cause) {
        throw new Error(`writer ${writer}: ${(cause as Error).message}`, { cause })
      }
      checked.acknowledged += progress.acknowledged - (before[writer] ?? 0)
      checked.unacknowledged += operations - progress.acknowledged
      progress.sent = progress.acknowledged = operations
      totals += Number(found.mine ?? 0)
    }
    const values = streamedIn(await client.getBuffer(STREAMED), streamed)
    checked.streamed = values
    streamed.sent = streamed.acknowledged = values
    const total = Number((await client.get(TOTAL)) ?? 0)
    if (total !== totals) throw new Error(`the common counter is ${total}, not ${totals}`)
  } finally {
    client.disconnect()
    await server.end('SIGTERM')
  }
  return checked
}
