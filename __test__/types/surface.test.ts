/** The public types: what is checked in is what the sources say, and says what it should. */
import test from 'ava'
import { expectTypeOf } from 'expect-type'
import { readFileSync } from 'node:fs'
import { open, type Database, type Hit, type Reply, type VectorIndex } from 'skeg'
import { surface } from '../../scripts/surface.ts'

test('index.d.ts is what the sources say', async (t) => {
  const checkedIn = readFileSync(new URL('../../index.d.ts', import.meta.url), 'utf8')
  t.is(checkedIn, await surface(), 'run `npm run surface`')
})

test('no `any` in the public interface', (t) => {
  const checkedIn = readFileSync(new URL('../../index.d.ts', import.meta.url), 'utf8')
  const code = checkedIn.replaceAll(/\/\*[\s\S]*?\*\//g, '')
  t.notRegex(code, /\bany\b/)
})

test('types of calls', (t) => {
  expectTypeOf(open).toBeCallableWith('./data', { durability: 'disk', shards: 'auto' })
  expectTypeOf(open).toBeCallableWith({ memory: true, name: 'cache' })
  // @ts-expect-error a store in memory says so
  expectTypeOf(open).toBeCallableWith({ memory: false })
  expectTypeOf<Database['get']>().returns.resolves.toEqualTypeOf<string | null>()
  expectTypeOf<Database['getBuffer']>().returns.resolves.toEqualTypeOf<Buffer | null>()
  expectTypeOf<Database['getSync']>().returns.toEqualTypeOf<string | null>()
  expectTypeOf<Database['del']>().returns.resolves.toEqualTypeOf<number>()
  expectTypeOf<Database['call']>().returns.resolves.toEqualTypeOf<Reply>()
  expectTypeOf<Database>().toExtend<AsyncDisposable>()
  expectTypeOf<VectorIndex<string>['search']>().returns.resolves.toEqualTypeOf<Hit<string>[]>()
  const typed = async (db: Database): Promise<void> => {
    expectTypeOf(await db.set('k', 'v')).toEqualTypeOf<boolean>()
    expectTypeOf(await db.set('k', 'v', { GET: true })).toEqualTypeOf<string | null>()
    expectTypeOf(await db.index('docs', { dim: 2 })).toEqualTypeOf<VectorIndex<string>>()
    expectTypeOf(await db.transaction(() => 5)).toEqualTypeOf<number>()
    for await (const key of db.scan()) expectTypeOf(key).toEqualTypeOf<string>()
    for await (const { message } of db.subscribe({ pattern: ['a*'] })) {
      expectTypeOf(message).toEqualTypeOf<string>()
    }
    for await (const { channel } of db.subscribeBuffer('a')) {
      expectTypeOf(channel).toEqualTypeOf<Buffer>()
    }
  }
  t.is(typeof typed, 'function')
})
