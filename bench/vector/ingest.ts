/** Vectors on their way into a served index, several commands at once. */
import { setTimeout as sleep } from 'node:timers/promises'
import { encode, type Connection, type Reply } from './resp.ts'

/** Vectors of one command, and commands under way. */
const ROWS_A_COMMAND = 16
const COMMANDS = 8

/** What stores rows that lie end to end, with their numbers from `first` on for ids. */
export function* storing(
  index: string,
  rows: Float32Array,
  dim: number,
  first = 0,
): Generator<Buffer> {
  const bytes = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength)
  for (let row = 0; row < rows.length / dim; row += ROWS_A_COMMAND) {
    const count = Math.min(ROWS_A_COMMAND, rows.length / dim - row)
    const words: (string | Uint8Array)[] = ['SKEG.VMSET', index, `${count}`]
    for (let n = row; n < row + count; n++) {
      words.push(`${first + n}`, bytes.subarray(n * dim * 4, (n + 1) * dim * 4))
    }
    yield encode(...words)
  }
}

/** Sends them, and waits for all replies; at most so many rows a second, if a pace is given. */
export async function store(
  connection: Connection,
  commands: Iterable<Buffer>,
  rowsPerSecond = Infinity,
): Promise<void> {
  const underWay: Promise<Reply>[] = []
  let due = performance.now()
  for (const command of commands) {
    if (underWay.length >= COMMANDS) await underWay.shift()
    while (performance.now() < due) await sleep(1)
    due += (ROWS_A_COMMAND * 1_000) / rowsPerSecond
    underWay.push(set(connection, command))
  }
  await Promise.all(underWay)
}

/** Stores; what is refused because segments are behind is tried again. */
async function set(connection: Connection, command: Buffer): Promise<Reply> {
  for (;;) {
    const reply = await connection.ask(command)
    if (!(reply instanceof Error)) return reply
    if (!reply.message.startsWith('BUSY')) throw reply
    await sleep(5)
  }
}
