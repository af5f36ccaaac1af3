/** Writers of vectors at the pace of the disk. */
import test from 'ava'
import { Paces } from '../../src/pace.ts'
import { diskStore } from '../fixtures/stores.ts'

const MEBIBYTE = 1 << 20

test('promises of writes wait while their index is behind, and no longer', async (t) => {
  let behind = true
  const asked: string[] = []
  const paces = new Paces((index) => {
    asked.push(index)
    return Promise.resolve(behind)
  })
  const settled: string[] = []
  const write = (name: string, index: string, bytes: number): Promise<unknown> =>
    paces.keep(index, bytes, Promise.resolve(name)).then((value) => settled.push(value))
  await write('small', 'a', MEBIBYTE - 1)
  t.deepEqual([settled, asked], [['small'], []])
  const waiting = [write('large', 'a', 1), write('next', 'a', 1)]
  await write('other', 'b', 1)
  t.deepEqual(settled, ['small', 'other'])
  behind = false
  await paces.idle()
  await Promise.all(waiting)
  t.deepEqual(settled, ['small', 'other', 'large', 'next'])
  t.is(new Set(asked).size, 1)
})

test('a write that failed, and an index that is gone, are waited for by nobody', async (t) => {
  const paces = new Paces(() => Promise.reject(new Error('gone')))
  t.is(await paces.keep('a', MEBIBYTE, Promise.resolve(1)), 1)
  await t.throwsAsync(paces.keep('a', MEBIBYTE, Promise.reject(new Error('refused'))), {
    message: 'refused',
  })
  await paces.idle()
})

test('whoever awaits writes is never refused', async (t) => {
  const db = await diskStore(t, { durability: 'memory' })
  const docs = await db.index('docs', { dim: 4_096, ids: 'u64' })
  const batch = new Float32Array(128 * 4_096).fill(0.5)
  for (let n = 0; n < 48; n++) {
    const ids = Array.from({ length: 128 }, (_, i) => n * 128 + i)
    await docs.setMany(ids, batch)
  }
  t.is((await docs.info()).vectors, 48 * 128)
})
