/** Methods of commands: bytes, wrong arguments, and what batches and transactions make of them. */
import test from 'ava'
import { expectTypeOf } from 'expect-type'
import { SkegError, type Database, type Scored } from 'skeg'
import { specifications } from '../../scripts/generate-commands.ts'
import { parseMethods } from '../../scripts/lib/methods/render.ts'
import { methodCases } from '../fixtures/method-cases.ts'
import { memoryStore, rejects } from '../fixtures/stores.ts'

test('twins return bytes', async (t) => {
  const db = await memoryStore(t)
  const bytes = Buffer.from([0xff, 0x00])
  await db.hSet('h', { f: bytes })
  t.deepEqual(await db.hGetBuffer('h', 'f'), bytes)
  t.deepEqual(await db.hGetAllBuffer('h'), { f: bytes })
  await rejects(t, 'ERR_ENCODING', () => db.hGet('h', 'f'))
  await db.zAdd('z', { score: 1.5, value: bytes })
  t.deepEqual(await db.zRangeWithScoresBuffer('z', 0, -1), [{ value: bytes, score: 1.5 }])
  t.deepEqual(await db.zScanBuffer('z', '0'), {
    cursor: '0',
    members: [{ value: bytes, score: 1.5 }],
  })
  t.deepEqual(await db.lmPopBuffer('none', 'LEFT'), null)
})

test('a dump of bytes is restored', async (t) => {
  const db = await memoryStore(t)
  await db.set('a', 'value')
  const dump = await db.dumpBuffer('a')
  t.is(await db.restore('b', 0, dump ?? ''), 'OK')
  t.is(await db.get('b'), 'value')
  t.is(await db.dumpBuffer('none'), null)
})

test('any name is a field of an object', async (t) => {
  const db = await memoryStore(t)
  await db.hSet('h', [
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ])
  const all = await db.hGetAll('h')
  t.deepEqual(Object.entries(all), [
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ])
  t.deepEqual(Object.keys(await db.hGetAllBuffer('h')), ['__proto__', 'constructor'])
})

test('what is not UTF-8 is never handed out as something else', async (t) => {
  const db = await memoryStore(t)
  await db.hSet('h', Buffer.from([0xff]), 'a')
  await db.hSet('h', Buffer.from([0xfe]), 'b')
  await rejects(t, 'ERR_ENCODING', () => db.hGetAllBuffer('h'))
  t.is((await db.hKeysBuffer('h')).length, 2)
  await db.sAdd('s', ['text', Buffer.from([0xff])])
  const popped = await rejects(t, 'ERR_ENCODING', () => db.sPopCount('s', 2))
  t.is((popped.reply as Buffer[]).length, 2, 'what was taken is not lost')
  t.false(await db.exists('s'))
  await db.transaction(async (tx) => {
    tx.set('k', Buffer.from([0xff]))
    await rejects(t, 'ERR_ENCODING', () => tx.get('k'))
    t.deepEqual(await tx.getBuffer('k'), Buffer.from([0xff]))
    tx.set('text', '\ufeffä')
    t.is(await tx.get('text'), '\ufeffä')
  })
})

test('wrong arguments reject before anything is done', async (t) => {
  const db = await memoryStore(t)
  const wrong: (() => Promise<unknown>)[] = [
    () => db.hSet('h', {}),
    () => db.hSet('h', ['a']),
    () => db.hSet('h', null as never),
    () => db.hSet('h', 'f', true as never),
    () => db.lRange('l', 0.5, 1),
    () => db.lPopCount('l', -1),
    () => db.zAdd('z', { score: NaN, value: 'a' }),
    () => db.zAdd('z', []),
    () => db.zAdd('z', { score: 1, value: 'a' }, { NX: true, GT: true }),
    () => db.zAdd('z', { score: 1, value: 'a' }, { nx: true } as never),
    () => db.zRange('z', 0, -1, { BY: 'RANK' as never }),
    () => db.zRemRangeByLex('z', 'a', '+'),
    () => db.zRemRangeByScore('z', '(x', 1),
    () => db.expire('a', 1, 'GX' as never),
    () => db.sAdd('s', 5 as never),
    () => db.incrBy('n', 0.5),
  ]
  for (const call of wrong) await rejects(t, 'ERR_INVALID_ARGUMENT', call)
  t.is(await db.dbSize(), 0)
  await db.set('text', 'x')
  await rejects(t, 'ERR_WRONG_TYPE', () => db.lPush('text', 'a'))
})

test('integers up to the end of 64 bits are added', async (t) => {
  const db = await memoryStore(t)
  t.is(await db.incrBy('n', 2n ** 62n), 2 ** 62)
  t.is(await db.call('GET', 'n'), String(2n ** 62n))
})

test('a batch takes every command that is a change', async (t) => {
  const db = await memoryStore(t)
  const batched = await memoryStore(t)
  const changes = parseMethods(specifications()).filter(({ isChange }) => isChange)
  const names = new Set(changes.map(({ name }) => name))
  type Methods = Record<string, (...args: unknown[]) => unknown>
  for (const { method, args, compare } of methodCases) {
    if (compare !== 'exact' || method.startsWith('flush')) continue
    const one = await Promise.resolve((db as unknown as Methods)[method]?.(...args)).catch(
      () => SkegError,
    )
    if (one === SkegError) continue
    const batch = batched.batch()
    if (names.has(method)) {
      t.is((batch as unknown as Methods)[method]?.(...args), batch, method)
      await batch.write()
      names.delete(method)
    } else {
      await (batched as unknown as Methods)[method]?.(...args)
    }
    for (const key of await db.keys('*')) {
      const [left, right] = await Promise.all([db, batched].map((store) => contents(store, key)))
      t.deepEqual(left, right, `${method}: ${key}`)
    }
    t.is(await db.dbSize(), await batched.dbSize(), method)
  }
  t.deepEqual([...names], [])
})

/** What a key holds, and its deadline. */
async function contents(db: Database, key: string): Promise<unknown> {
  const type = await db.type(key)
  const value =
    type === 'hash'
      ? await db.hGetAll(key)
      : type === 'list'
        ? await db.lRange(key, 0, -1)
        : type === 'set'
          ? (await db.sMembers(key)).sort()
          : type === 'zset'
            ? await db.zRangeWithScores(key, 0, -1)
            : await db.getBuffer(key)
  return [type, value, (await db.ttl(key)) > 0]
}

test('commands of a batch are made all or none', async (t) => {
  const db = await memoryStore(t)
  await db.set('text', 'x')
  const wrong = [
    db.batch().lPush('l', 'a').hSet('text', 'f', 'v'),
    db.batch().lPush('l', 'a').sAdd('l', 'a'),
    db.batch().hSet('h', { a: '1' }).set('l', 'a').lPush('l', 'a'),
    db.batch().zAdd('z', { score: 1, value: 'a' }).sMove('z', 's', 'a'),
  ]
  for (const batch of wrong) await rejects(t, 'ERR_WRONG_TYPE', () => batch.write())
  t.is(await db.dbSize(), 1)
  await db.batch().del('text').hSet('text', 'f', 'v').lPush('l', 'a').set('l', 'now text').write()
  t.is(await db.hGet('text', 'f'), 'v')
  t.is(await db.get('l'), 'now text')
  t.throws(() => db.batch().hSet('h', {}), { code: 'ERR_INVALID_ARGUMENT' })
})

test('a transaction reads by commands, and runs again when what they read has changed', async (t) => {
  const db = await memoryStore(t)
  await db.hSet('h', { a: '1' })
  let runs = 0
  await db.transaction(async (tx) => {
    const all = await tx.hGetAll('h')
    if (runs++ === 0) await db.hSet('h', 'b', '2')
    tx.hSet('copy', all).rPush('log', Object.keys(all))
  })
  t.is(runs, 2)
  t.deepEqual(await db.hGetAll('copy'), { a: '1', b: '2' })
  t.deepEqual(await db.lRange('log', 0, -1), ['a', 'b'])
})

test('a transaction does not read what it has changed itself', async (t) => {
  const db = await memoryStore(t)
  await db.transaction(async (tx) => {
    tx.hSet('h', { a: '1' }).set('text', 'x')
    await rejects(t, 'ERR_INVALID_ARGUMENT', () => tx.hGet('h', 'a'))
    await rejects(t, 'ERR_INVALID_ARGUMENT', () => tx.get('h'))
    await rejects(t, 'ERR_INVALID_ARGUMENT', () => tx.strLen('text'))
    t.is(await tx.get('text'), 'x')
    tx.set('h', 'text after all')
    t.is(await tx.get('h'), 'text after all')
    t.is(await tx.hGet('other', 'a'), null)
  })
  t.is(await db.get('h'), 'text after all')
  const over = await db.transaction((tx) => tx)
  t.throws(() => over.sAdd('s', 'a'), { code: 'ERR_INVALID_ARGUMENT' })
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => over.sCard('s'))
})

test('types of methods', (t) => {
  const typed = async (db: Database): Promise<void> => {
    expectTypeOf(await db.hGetAll('h')).toEqualTypeOf<Record<string, string>>()
    expectTypeOf(await db.hGetAllBuffer('h')).toEqualTypeOf<Record<string, Buffer>>()
    expectTypeOf(await db.zRangeWithScores('z', 0, -1)).toEqualTypeOf<Scored<string>[]>()
    expectTypeOf(await db.zPopMinBuffer('z')).toEqualTypeOf<Scored<Buffer> | null>()
    expectTypeOf(await db.hmGet('h', 'f')).toEqualTypeOf<(string | null)[]>()
    expectTypeOf(await db.expire('h', 1, 'NX')).toEqualTypeOf<number>()
    expectTypeOf(await db.lSet('l', 0, 'a')).toEqualTypeOf<'OK'>()
    expectTypeOf(await db.zRank('z', 'm')).toEqualTypeOf<number | null>()
    // @ts-expect-error a score is a number
    await db.zAdd('z', { score: '1', value: 'm' })
    // @ts-expect-error there is no such mode
    await db.expire('h', 1, 'YY')
    await db.transaction(async (tx) => {
      expectTypeOf(await tx.hGet('h', 'f')).toEqualTypeOf<string | null>()
      expectTypeOf(tx.hSet('h', 'f', 'v')).toEqualTypeOf<typeof tx>()
      expectTypeOf(tx.incr('n')).toEqualTypeOf<typeof tx>()
      // What depends on several keys is no change.
      expectTypeOf(tx).not.toHaveProperty('rename')
    })
    expectTypeOf(db.batch().zRem('z', 'm').set('a', 'b').sAdd('s', ['a'])).toHaveProperty('write')
  }
  t.is(typeof typed, 'function')
})
