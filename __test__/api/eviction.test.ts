// The memory limit of a store: what makes room for what, and what is refused.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { open, type Database } from 'skeg'

const VALUE = 'x'.repeat(400)

async function fill(db: Database, from: number, to: number): Promise<void> {
  for (let number = from; number < to; number++) await db.set(`key:${number}`, VALUE)
}

test('a write makes room by the policy, whichever method makes it', async (t) => {
  const db = await open({ memory: true, maxMemory: 400_000, eviction: 'allkeys-lru' })
  await fill(db, 0, 2_000)
  const keys = Number(await db.call('DBSIZE'))
  t.true(keys > 100 && keys < 900, `${keys} keys`)
  t.is(await db.get('key:1999'), VALUE)
  const batch = db.batch()
  for (let number = 0; number < 100; number++) batch.set(`batch:${number}`, VALUE)
  await batch.write()
  await db.transaction((tx) => void tx.set('transaction', VALUE))
  await db.hSet('hash', 'field', VALUE)
  await db.setMany([['many', VALUE]])
  t.is(await db.get('batch:99'), VALUE)
  t.is(await db.get('transaction'), VALUE)
  const info = await db.info()
  t.regex(info, /^maxmemory:400000\r$/m)
  t.regex(info, /^maxmemory_policy:allkeys-lru\r$/m)
  t.regex(info, /^evicted_keys:[1-9]/m)
  t.deepEqual(await db.call('CONFIG', 'GET', 'maxmemory'), { maxmemory: '400000' })
  await db.close()
})

test('without a policy what would grow is refused, and what shrinks is not', async (t) => {
  const db = await open({ memory: true, maxMemory: 200_000 })
  const error = { code: 'ERR_OUT_OF_MEMORY' }
  await t.throwsAsync(fill(db, 0, 2_000), error)
  const keys = await db.call('DBSIZE')
  await t.throwsAsync(db.batch().set('a', VALUE).write(), error)
  await t.throwsAsync(db.setMany([['a', VALUE]]), error)
  await t.throwsAsync(
    db.transaction((tx) => void tx.lPush('l', VALUE)),
    error,
  )
  await t.throwsAsync(db.hSet('h', 'f', VALUE), error)
  t.is(await db.call('DBSIZE'), keys)
  t.is(await db.get('key:0'), VALUE)
  await db.batch().del('key:0', 'key:1').write()
  for (let number = 2; number < 100; number++) await db.del(`key:${number}`)
  await db.set('a', VALUE)
  t.is(await db.get('a'), VALUE)
  await db.close()
})

/** How many of its ten keys each session has that has any. */
async function sessions(db: Database): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const key of await db.keys('*')) {
    const session = /session[:/]\d+/.exec(key)?.[0] ?? key
    counts.set(session, (counts.get(session) ?? 0) + 1)
  }
  return counts
}

async function fillSessions(db: Database, to: number, name: (id: number) => string): Promise<void> {
  for (let id = 0; id < to; id++) {
    for (let turn = 0; turn < 9; turn++) await db.set(`${name(id)}:turn:${turn}`, VALUE)
    await db.set(name(id), 'title')
    // One key is used, and keeps all of its session.
    await db.get(`${name(0)}:turn:${id % 9}`)
  }
}

/** Ends what is going on: home threads do within ticks of 100 ms. */
async function wholeSessions(t: ExecutionContext, db: Database): Promise<Map<string, number>> {
  for (;;) {
    const counts = await sessions(db)
    if ([...counts.values()].every((count) => count === 10)) return counts
    t.true(counts.size > 10)
    await setTimeout(20)
  }
}

test('groups go whole', async (t) => {
  const eviction = 'allkeys-group-lru'
  const db = await open({ memory: true, maxMemory: 400_000, eviction })
  await fillSessions(db, 300, (id) => `session:${id}`)
  let counts = await wholeSessions(t, db)
  t.true(counts.size < 100, `${counts.size} sessions`)
  t.is(counts.get('session:0'), 10)
  t.is(counts.get('session:299'), 10)
  t.false(counts.has('session:1'))
  t.regex(await db.info(), /^maxmemory_policy:allkeys-group-lru\r$/m)
  await db.close()

  const options = { eviction, groupDepth: 1, groupDelimiter: '.' } as const
  const other = await open({ memory: true, maxMemory: 400_000, ...options })
  t.deepEqual(await other.call('CONFIG', 'GET', 'maxmemory-group-*'), {
    'maxmemory-group-delimiter': '.',
    'maxmemory-group-depth': '1',
  })
  // A hash tag is a group in any case.
  await fillSessions(other, 300, (id) => (id % 2 === 0 ? `session/${id}.x` : `{session/${id}}`))
  counts = await wholeSessions(t, other)
  t.true(counts.size < 100 && counts.get('session/0') === 10 && !counts.has('session/1'))
  await other.close()
})

test('what was evicted stays away; a store that is too large for its limit shrinks', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'skeg-eviction-'))
  t.teardown(() => {
    rmSync(directory, { recursive: true })
  })
  let db = await open(directory, { maxMemory: 400_000, eviction: 'allkeys-random' })
  await fill(db, 0, 2_000)
  const before = new Set(await db.keys('*'))
  t.true(before.size < 900)
  await db.close()
  db = await open(directory)
  // Some more may have gone before it was closed.
  const keys = await db.keys('*')
  t.true(keys.every((key) => before.has(key)))
  await db.close()
  // Read-only, it keeps what it has.
  db = await open(directory, { readOnly: true, maxMemory: 100_000, eviction: 'allkeys-random' })
  t.is(Number(await db.call('DBSIZE')), keys.length)
  await db.close()
  db = await open(directory, { maxMemory: 100_000, eviction: 'allkeys-random' })
  await db.set('key', VALUE)
  t.true(Number(await db.call('DBSIZE')) < keys.length)
  await db.close()
})

test('options are checked', async (t) => {
  const code = 'ERR_INVALID_ARGUMENT'
  await t.throwsAsync(open({ memory: true, maxMemory: -1 }), { code })
  await t.throwsAsync(open({ memory: true, groupDepth: 17 }), { code, message: /groupDepth/ })
  for (const groupDelimiter of ['', '::', ' ', 'é']) {
    const opened = open({ memory: true, groupDelimiter })
    await t.throwsAsync(opened, { code, message: /groupDelimiter/ })
  }
  await t.throwsAsync(open({ memory: true, eviction: 'lru' as 'allkeys-lru' }), {
    code,
    message: /volatile-ttl/,
  })
})
