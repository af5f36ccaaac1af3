/** Writers that are clients of `skeg serve`: a connection each, with many commands in flight. */
import type { Redis } from 'ioredis'
import { connect, ServerProcess } from './server.ts'
import {
  DIMENSION,
  ENTRY_LENGTH,
  INDEX,
  TOTAL,
  countOf,
  entryOf,
  keyOf,
  kindOf,
  valueOf,
  vectorOf,
  type Load,
  type Progress,
} from './workload.ts'

/** Commands that a connection has in flight. */
const IN_FLIGHT = 24

/** Sends one operation; resolves when it was acknowledged with the answer that it must have. */
async function send(client: Redis, writer: number, operation: number): Promise<void> {
  const both = async (...keys: [string, string]): Promise<void> => {
    const results = await client.multi().incr(keys[0]).incr(keys[1]).exec()
    for (const [error] of results ?? []) if (error) throw error
  }
  const must = (expected: number, answered: number): void => {
    if (expected === answered) return
    throw new Error(`operation ${operation} answered ${answered} instead of ${expected}`)
  }
  const kind = kindOf(operation)
  switch (kind) {
    case 'count':
      must(countOf(kind, operation), await client.incr(keyOf.count(writer)))
      return
    case 'append': {
      const length = await client.append(keyOf.list(writer), entryOf(operation))
      must(countOf(kind, operation) * ENTRY_LENGTH, length)
      return
    }
    case 'set':
      await client.set(keyOf.last(writer), valueOf(operation))
      return
    case 'pair':
      await both(keyOf.left(writer), keyOf.right(writer))
      return
    case 'total':
      await both(TOTAL, keyOf.mine(writer))
      return
    case 'vector': {
      const bytes = Buffer.from(vectorOf(operation).buffer)
      await client.call('SKEG.VSET', INDEX, String(writer), bytes)
    }
  }
}

/** One writer, until its connection breaks. Anything but that is thrown. */
async function write(client: Redis, writer: number, progress: Progress): Promise<void> {
  let failure: Error | undefined
  const flying = new Set<Promise<void>>()
  while (failure === undefined && client.status !== 'end') {
    const operation = ++progress.sent
    const sent = send(client, writer, operation).then(
      () => {
        progress.acknowledged = operation
      },
      (error: unknown) => {
        failure ??= error instanceof Error ? error : new Error('unknown', { cause: error })
      },
    )
    const flight = sent.finally(() => flying.delete(flight))
    flying.add(flight)
    if (flying.size >= IN_FLIGHT) await Promise.race(flying)
  }
  await Promise.all(flying)
  const broken = /Connection is closed|ECONNRESET|EPIPE|MaxRetriesPerRequest|Stream isn't writeable/
  if (failure !== undefined && !broken.test(failure.message)) throw failure
}

/** Loads a server until `moment` has come, then kills it. Asked to end, it does so in order. */
export async function loadOverResp(load: Load): Promise<void> {
  const { data, durability, writers, moment, signal } = load
  const server = new ServerProcess(data, durability)
  const port = await server.ready
  const clients = writers.map(() => connect(port))
  try {
    const create = ['SKEG.VINDEX.CREATE', INDEX, String(DIMENSION), 'FLAT', 'METRIC', 'L2'] as const
    await clients[0]?.call(...create)
    const writing = Promise.all(
      clients.map((client, writer) =>
        write(client, writer, writers[writer] ?? { sent: 0, acknowledged: 0 }),
      ),
    )
    // A wrong answer ends the wait as well.
    await Promise.race([moment(), writing])
    const code = await server.end(signal)
    if (signal !== 'SIGKILL' && code !== 0) throw new Error(`the server ended with ${code}`)
    await writing
  } finally {
    await server.end('SIGKILL')
    for (const client of clients) client.disconnect()
  }
}
