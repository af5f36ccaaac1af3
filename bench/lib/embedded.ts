/**
 * Embedded stores on one JavaScript thread. Every subject runs in a process of its own
 * (`embedded-child.ts`), so that none pays for the garbage or the threads of another.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fromRoot } from '../../scripts/lib/root.ts'
import { best, type Effort, type Row } from './bench.ts'

export const EMBEDDED_KEYS = 100_000
export const EMBEDDED_VALUE_BYTES = 100

export type Operation = 'getSync' | 'get' | 'set' | 'setDisk' | 'setDiskOne' | 'getMany'
export type Subject = 'skeg' | 'lmdb' | 'classic-level' | 'floor' | 'fdatasync'

async function child(
  operation: Operation,
  subject: Subject,
  effort: Effort,
): Promise<Record<string, number>> {
  const seconds = 2 * effort.scale
  const script = fromRoot('bench', 'lib', 'embedded-child.ts')
  const process_ = spawn(
    process.execPath,
    ['--expose-gc', '--import', 'tsx', script, operation, subject, `${seconds}`],
    { stdio: ['ignore', 'pipe', 'inherit'], cwd: fromRoot() },
  )
  const output: Buffer[] = []
  process_.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  await once(process_, 'close')
  if (process_.exitCode !== 0) throw new Error(`${operation} of ${subject} failed`)
  return JSON.parse(Buffer.concat(output).toString()) as Record<string, number>
}

/** Measures the subjects, alternating, and adds what each is of the floor. */
export async function embedded(
  operation: Operation,
  subjects: Subject[],
  effort: Effort,
): Promise<Row[]> {
  const rounds = new Map<Subject, Record<string, number>[]>(subjects.map((s) => [s, []]))
  for (let n = 0; n < effort.rounds; n++) {
    for (const subject of subjects) {
      rounds.get(subject)?.push(await child(operation, subject, effort))
    }
  }
  const rows = subjects.map((subject): Row => ({
    subject,
    condition: operation.startsWith('setDisk') ? operation : 'all',
    figures: best(rounds.get(subject) ?? []),
  }))
  const floor = rows.find((row) => row.subject === 'floor')?.figures['per_second']
  for (const { figures } of rows) {
    const rate = figures['per_second']
    if (floor !== undefined && rate !== undefined) figures['times_floor'] = floor / rate
  }
  return rows
}
