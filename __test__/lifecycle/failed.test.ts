/**
 * A disk that fails: an ext4 in a file on a small file system in memory that somebody fills. What the kernel has
 * taken can't reach that file any more, so the next sync fails.
 */
import test from 'ava'
import { spawnSync } from 'node:child_process'
import { mkdirSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { open, SkegError } from 'skeg'
import { directory } from '../fixtures/stores.ts'

/** Runs a program; whether it succeeded. */
function runs(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0
}

test('a sync that fails rejects what waited, and is told once', async (t) => {
  const folder = directory(t)
  const [memory, disk] = [path.join(folder, 'memory'), path.join(folder, 'disk')]
  const image = path.join(memory, 'image')
  mkdirSync(memory)
  mkdirSync(disk)
  if (!runs('mount', '-t', 'tmpfs', '-o', 'size=32m', 'none', memory)) {
    t.log('skipped: no file system can be mounted here')
    t.pass()
    return
  }
  t.teardown(() => runs('umount', memory))
  writeFileSync(image, '')
  truncateSync(image, 128 << 20)
  if (!runs('mkfs.ext4', '-q', '-F', image) || !runs('mount', '-o', 'loop', image, disk)) {
    t.log('skipped: no image can be mounted here')
    t.pass()
    return
  }
  t.teardown(() => runs('umount', '-l', disk))

  const db = await open(path.join(disk, 'data'), { durability: 'disk' })
  await db.set('safe', 'value')
  const errors: SkegError[] = []
  const listener = (error: SkegError): void => void errors.push(error)
  db.on('error', listener)
  const silent = (): void => {
    t.fail('it does not listen any more')
  }
  db.on('error', silent).off('error', silent)
  const { bavail, bsize } = statfsSync(memory)
  writeFileSync(path.join(memory, 'filler'), Buffer.alloc(bavail * bsize))

  const value = Buffer.alloc(64 << 10, 'x')
  const fill = async (): Promise<void> => {
    for (let n = 0; n < 1_000; n++) await db.set(`key:${n}`, value)
  }
  await t.throwsAsync(fill(), { instanceOf: SkegError, code: 'ERR_OUTCOME_UNKNOWN' })
  await t.throwsAsync(db.set('more', 'value'), { code: 'ERR_IO' })
  t.is(await db.get('safe'), 'value')
  // It is told in a turn of its own, which a busy machine gives later.
  while (errors.length === 0) await setTimeout(10)
  t.deepEqual(
    errors.map(({ code }) => code),
    ['ERR_IO'],
  )
  await new Promise<void>((told) => {
    db.on('error', listener)
    setImmediate(told)
  })
  t.is(errors.length, 1)
  await t.throwsAsync(db.close())
})
