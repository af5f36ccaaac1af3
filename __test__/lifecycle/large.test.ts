/** Strings that stay on the disk: every kind of call reads them, in the order of the calls. */
import test from 'ava'
import { open } from 'skeg'
import { directory, rejects } from '../fixtures/stores.ts'

/** Longer than what is read without waiting. */
const BYTES = 200_000
const large = (letter: string): string => letter.repeat(BYTES)

test('large strings are read from the disk, by all kinds of calls', async (t) => {
  const folder = directory(t)
  const first = await open(folder)
  const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  await first.setMany(keys.map((key) => [key, large(key)]))
  await first.close()

  const db = await open(folder, { cache: 0, inlineMax: 64 })
  t.throws(() => db.getSync('a'), { code: 'ERR_WOULD_BLOCK' })
  t.true((await db.getMany(keys)).every((value, i) => value === large(keys[i] ?? '')))
  t.is(await db.call('STRLEN', 'a'), BYTES)
  t.is(await db.call('APPEND', 'b', 'tail'), BYTES + 4)
  t.is(db.getSync('b'), `${large('b')}tail`, 'what was changed in place is in memory')
  t.is(await db.call('GETRANGE', 'c', '0', '3'), 'cccc')
  t.is(await db.call('GETSET', 'd', 'new'), large('d'))
  t.is(await db.call('COPY', 'e', 'copy'), 1)
  t.is(await db.get('copy'), large('e'))
  const found = await db.transaction(async (tx) => {
    const value = await tx.get('f')
    tx.set('f', 'short')
    return value
  })
  t.is(found, large('f'))
  t.is(await db.get('f'), 'short')
  await rejects(t, 'ERR_REPLY', () => db.call('INCR', 'g'))
  await db.close()
})

test('calls take effect in the order in which they are made, also those that wait for the disk', async (t) => {
  const folder = directory(t)
  const first = await open(folder)
  await first.setMany([
    ['read', large('1')],
    ['appended', large('2')],
  ])
  await first.close()

  const db = await open(folder, { cache: 0 })
  const before = db.get('read')
  const written = db.set('read', 'later')
  const after = db.get('read')
  t.deepEqual(await Promise.all([before, written, after]), [large('1'), true, 'later'])
  const appended = db.call('APPEND', 'appended', 'tail')
  const overwritten = db.set('appended', 'later')
  t.is(await appended, BYTES + 4)
  await overwritten
  t.is(await db.get('appended'), 'later')
  await db.close()
})

test('options of large strings are checked', async (t) => {
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => open(directory(t), { inlineMax: 63 }))
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => open(directory(t), { cache: -1 }))
})
