/** Writers inside a Node program that has the store open. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fromRoot } from '../lib/root.ts'
import { STREAMED, type Load } from './workload.ts'

/** Loads an embedded store until `moment` has come, then kills its process. */
export async function loadEmbedded(load: Load): Promise<void> {
  const { data, durability, writers, streamed, moment, signal } = load
  const program = fromRoot('scripts', 'kill', 'writer.ts')
  const done = [streamed, ...writers].map(({ sent }) => String(sent))
  const child = spawn(process.execPath, ['--import', 'tsx', program, data, durability, ...done], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const lines = createInterface({ input: child.stdout })
  const read = once(lines, 'close')
  lines.on('line', (line) => {
    const [writer = '', operation, sent] = line.split(' ')
    const progress = writer === STREAMED ? streamed : writers[Number(writer)]
    if (!progress) return
    if (sent === 'sent') progress.sent = Number(operation)
    else progress.acknowledged = Number(operation)
  })
  const first = await Promise.race([once(lines, 'line'), ended.then(() => undefined)])
  if (first !== undefined) await Promise.race([moment(), ended])
  const alive = child.exitCode === null
  child.kill(signal)
  await Promise.all([ended, read])
  if (!alive) throw new Error(`the program ended by itself: ${errors.trim()}`)
}
