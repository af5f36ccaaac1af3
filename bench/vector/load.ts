/**
 * Asks a server from a process that costs the processors they share as little as can be: the example
 * `exchange` of skeg-server, which counts the lines of replies.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fromRoot } from '../../scripts/lib/root.ts'
import { granted, type Connection, type Reply } from './resp.ts'

/** A command, and how many lines its reply has, whatever is found. */
export interface Exchange {
  command: Buffer
  lines: number
}

/** What is asked, of whom, and for how long at most. */
interface Load {
  port: number
  connections: number
  seconds: number
  all: Exchange[]
}

const CARGO = ['run', '--release', '--locked', '--quiet', '-p', 'skeg-server', '--example']

/** Lines of a reply whose strings are bulk strings, as those of searches are. */
function linesOf(reply: Reply): number {
  if (Array.isArray(reply)) return reply.reduce<number>((lines, part) => lines + linesOf(part), 1)
  return Buffer.isBuffer(reply) ? 2 : 1
}

/** Asks the commands once: what is asked in a load, and what they answer now. */
export async function exchanges(
  connection: Connection,
  commands: Buffer[],
): Promise<{ all: Exchange[]; replies: Reply[] }> {
  const all: Exchange[] = []
  const replies: Reply[] = []
  for (const command of commands) {
    const reply = granted(await connection.ask(command))
    replies.push(reply)
    all.push({ command, lines: linesOf(reply) })
  }
  return { all, replies }
}

function numbers32(...numbers: number[]): Buffer {
  return Buffer.from(Uint32Array.from(numbers).buffer)
}

/**
 * Goes round the commands on each connection, one at a time, until the time or `over` has come; gives the
 * milliseconds of every reply.
 */
export async function exchange(
  { port, connections, seconds, all }: Load,
  over?: Promise<unknown>,
): Promise<number[]> {
  const words = [...CARGO, 'exchange', '--', `${port}`, `${connections}`, `${seconds}`]
  const child = spawn('cargo', words, { cwd: fromRoot(), stdio: 'pipe' })
  const [output, complaints]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk))
  // That it has ended before it read all is told by its code.
  child.stdin.on('error', () => undefined)
  const parts = all.flatMap(({ command, lines }) => [numbers32(command.length, lines), command])
  child.stdin.write(Buffer.concat([numbers32(all.length), ...parts]))
  const ended = once(child, 'close')
  void over?.then(
    () => child.stdin.end(),
    () => child.kill(),
  )
  const [code] = (await ended) as [number | null]
  if (code !== 0) throw new Error(`the client failed: ${Buffer.concat(complaints).toString()}`)
  const bytes = Buffer.concat(output)
  return Array.from(
    { length: bytes.length / 8 },
    (_, n) => Number(bytes.readBigUInt64LE(8 * n)) / 1e6,
  )
}
