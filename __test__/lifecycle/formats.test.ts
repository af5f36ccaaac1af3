/**
 * Directories that earlier versions wrote, as they lay on the disk: they open and hold what they held.
 * Each version leaves one here when it is released; the first is from before the first release.
 */
import test, { type ExecutionContext } from 'ava'
import { cpSync } from 'node:fs'
import path from 'node:path'
import { createClient } from 'redis'
import { open } from 'skeg'
import { directory } from '../fixtures/stores.ts'

/** A copy of a kept directory that goes away with the test. */
function kept(t: ExecutionContext, name: string): string {
  const folder = directory(t)
  cpSync(path.join(import.meta.dirname, '../fixtures/formats', name), folder, { recursive: true })
  return folder
}

test('the first version of the format, after a kill', async (t) => {
  const folder = kept(t, '0.1.0-first')
  for (const life of ['the first', 'what the first has left']) {
    const db = await open(folder, { createIfMissing: false })
    const values = {
      greeting: 'hello',
      number: '-42',
      text: 'One,two',
      counter: '42',
      passing: null,
      lasting: 'value',
      '{a}1': 'x',
      b: null,
      c: null,
      renamed: null,
      t1: 'one',
      t2: 'two',
      t3: '1',
      'second life': 'over',
    }
    t.deepEqual(await db.getMany(Object.keys(values)), Object.values(values), life)
    t.is(await db.call('PEXPIRETIME', 'lasting'), 4_102_444_800_000)
    const docs = await db.index('docs', { dim: 3, metric: 'cosine' })
    t.deepEqual(await docs.get('doc:2'), new Float32Array([0, 2, 0]))
    t.is(await docs.get('gone'), null)
    const points = await db.index('points', { dim: 2, metric: 'euclidean', ids: 'u64' })
    t.deepEqual(await points.get(7), new Float32Array([0.5, -0.25]))
    await db.close()
  }
})

test('other databases of the first version of the format', async (t) => {
  const db = await open(kept(t, '0.1.0-first'), { createIfMissing: false })
  const server = await db.listen({ port: 0 })
  t.teardown(() => db.close())
  const client = createClient({ socket: { port: server.port } })
  await client.connect()
  const at = async (database: number, key: string): Promise<unknown> => {
    await client.select(database)
    return client.get(key)
  }
  t.is(await at(3, 'elsewhere'), '3')
  t.is(await at(2, 'flushed'), null)
  t.is(await at(5, 'swapped'), null)
  t.is(await at(6, 'swapped'), '5')
  await client.close()
})
