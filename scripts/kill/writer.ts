/**
 * The program that is killed: a store embedded in Node, with writers that each have many calls in
 * flight. Every acknowledgement is a line `writer operation` on standard output, written at once: what
 * a killed process has written to a pipe stays.
 *
 *   node --import tsx scripts/kill/writer.ts DIRECTORY kernel|disk STREAMED SENT...
 */
import { writeSync } from 'node:fs'
import { open, type Durability } from 'skeg'
import {
  DIMENSION,
  ENTRY_LENGTH,
  INDEX,
  STREAMED,
  TOTAL,
  countOf,
  entryOf,
  keyOf,
  kindOf,
  piecesOf,
  streamedOf,
  valueOf,
  vectorOf,
} from './workload.ts'

/** Calls that a writer has in flight. */
const IN_FLIGHT = 24

const [data = '', durability = 'kernel', streamed, ...done] = process.argv.slice(2)
const db = await open(data, { durability: durability as Durability })
const index = await db.index(INDEX, { dim: DIMENSION, metric: 'euclidean' })

/** Writes a line before it returns, also when the pipe is full. */
function say(line: string): void {
  let rest = Buffer.from(`${line}\n`)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}

let turn: Promise<unknown> = Promise.resolve()

/** Counts two keys up in one transaction, one after the other, so that none has to be run again. */
function both(...keys: [string, string]): Promise<void> {
  const mine = turn.then(() =>
    db.transaction(async (tx) => {
      for (const key of keys) tx.set(key, String(Number((await tx.get(key)) ?? 0) + 1))
    }),
  )
  turn = mine
  return mine
}

async function act(writer: number, operation: number): Promise<void> {
  const must = (expected: number, answered: unknown): void => {
    if (answered === expected) return
    throw new Error(`operation ${operation} answered ${String(answered)} instead of ${expected}`)
  }
  const kind = kindOf(operation)
  switch (kind) {
    case 'count':
      must(countOf(kind, operation), await db.call('INCR', keyOf.count(writer)))
      return
    case 'append': {
      const length = await db.call('APPEND', keyOf.list(writer), entryOf(operation))
      must(countOf(kind, operation) * ENTRY_LENGTH, length)
      return
    }
    case 'set':
      await db.set(keyOf.last(writer), valueOf(operation))
      return
    case 'pair':
      await db
        .batch()
        .set(keyOf.left(writer), String(countOf(kind, operation)))
        .set(keyOf.right(writer), String(countOf(kind, operation)))
        .write()
      return
    case 'vector':
      await index.set(String(writer), vectorOf(operation))
      return
    case 'total':
      await both(TOTAL, keyOf.mine(writer))
  }
}

async function write(writer: number, sent: number): Promise<never> {
  const flying = new Set<Promise<void>>()
  for (let operation = sent + 1; ; operation++) {
    say(`${writer} ${operation} sent`)
    const acted = act(writer, operation).then(() => {
      say(`${writer} ${operation}`)
    })
    const flight = acted.finally(() => flying.delete(flight))
    flying.add(flight)
    // A transaction reads before it writes: calls behind it would overtake its writes.
    const alone = kindOf(operation) === 'total'
    if (alone) await Promise.all(flying)
    else if (flying.size >= IN_FLIGHT) await Promise.race(flying)
  }
}

/** One large value after the other, while the writers write. */
async function stream(sent: number): Promise<never> {
  for (let operation = sent + 1; ; operation++) {
    say(`${STREAMED} ${operation} sent`)
    await db.setStream(STREAMED, piecesOf(streamedOf(operation)))
    say(`${STREAMED} ${operation}`)
  }
}

await Promise.all([
  stream(Number(streamed)),
  ...done.map((sent, writer) => write(writer, Number(sent))),
])
