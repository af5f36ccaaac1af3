/** Backups of a store that is open. */
import test from 'ava'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { open } from 'skeg'
import { directory, rejects } from '../fixtures/stores.ts'

test('a backup has what was written before it, and is brought up to date', async (t) => {
  const [folder, backup] = [path.join(directory(t), 'data'), path.join(directory(t), 'backup')]
  const db = await open(folder)
  const written = db.set('a', '1')
  const first = await db.backup(backup)
  t.true(await written)
  t.true(first.files > 0 && first.bytes > 0 && first.reused === 0)
  await db.snapshot()
  await db.set('b', '2')
  const second = await db.backup(backup, { copy: true })
  t.true(second.linked === 0)
  await db.set('c', '3')
  await db.close()
  const restored = await open(backup)
  t.deepEqual(await restored.getMany(['a', 'b', 'c']), ['1', '2', null])
  await restored.close()
  const again = await open(folder)
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => again.backup(backup))
  await again.close()
})

test('what cannot be is refused', async (t) => {
  const folder = directory(t)
  const db = await open(folder)
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.backup(''))
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.backup(path.join(folder, 'inside')))
  t.false(existsSync(path.join(folder, 'inside')))
  const other = path.join(directory(t), 'other')
  const held = await open(other)
  await rejects(t, 'ERR_LOCKED', () => db.backup(other))
  await held.close()
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.backup(other))
  await db.close()
  await rejects(t, 'ERR_CLOSED', () => db.backup(other))
  const memory = await open({ memory: true })
  await rejects(t, 'ERR_REPLY', () => memory.backup(other))
  await memory.close()
})
