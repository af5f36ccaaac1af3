/** Commands that wait for a key, by `call`: in the process, and together with network clients. */
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { open } from 'skeg'
import { directory, diskStore, memoryStore, rejects } from '../fixtures/stores.ts'
import { runProgram } from '../fixtures/programs.ts'

test('a call that waits holds nothing up, and is served by what comes later', async (t) => {
  const db = await memoryStore(t)
  const waiting = db.call('BLPOP', 'jobs', 'other', 0)
  const moving = db.call('BLMOVE', 'from', 'to', 'LEFT', 'LEFT', 0)
  await db.set('key', 'value')
  t.is(await db.get('key'), 'value')
  t.is(await db.call('RPUSH', 'jobs', 'one', 'two'), 2)
  t.deepEqual(await waiting, ['jobs', 'one'])
  t.is(await db.call('RPUSH', 'from', 'item'), 1)
  t.is(await moving, 'item')
  t.deepEqual(await db.call('LRANGE', 'to', 0, -1), ['item'])
  t.deepEqual(await db.callBuffer('BRPOP', 'jobs', 0), [Buffer.from('jobs'), Buffer.from('two')])
  await db.call('ZADD', 'set', 2, 'b')
  t.deepEqual(await db.call('BZPOPMAX', 'set', 1), ['set', 'b', 2])
})

test('methods that wait are served and called off as calls are', async (t) => {
  const db = await memoryStore(t)
  const waiting = db.blPop(['jobs', 'other'], 0)
  await db.rPush('other', 'one')
  t.deepEqual(await waiting, { key: 'other', element: 'one' })
  const bytes = db.bzPopMinBuffer('set', 0)
  await db.zAdd('set', { score: 2, value: 'b' })
  t.deepEqual(await bytes, { key: Buffer.from('set'), value: Buffer.from('b'), score: 2 })
  const controller = new AbortController()
  const { signal } = controller
  const moving = db.blMove('from', 'to', 'LEFT', 'RIGHT', 0, { signal })
  const popping = db.blmPop(0, ['a', 'b'], 'LEFT', { COUNT: 2, signal })
  await sleep(5)
  controller.abort()
  await rejects(t, 'ERR_ABORTED', () => moving)
  await rejects(t, 'ERR_ABORTED', () => popping)
  await rejects(t, 'ERR_ABORTED', () => db.brPop('a', 0, { signal }))
  t.is(await db.rPush('a', 'stays'), 1)
  t.is(await db.lLen('a'), 1)
  const wrong = { signal: 'x' as unknown as AbortSignal }
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.blPop('a', 0, wrong))
})

test('calls that wait are served in the order in which they were made', async (t) => {
  const db = await diskStore(t)
  const waiting = Array.from({ length: 50 }, () => db.call('BLPOP', 'queue', 0))
  for (let n = 0; n < 50; n++) void db.call('RPUSH', 'queue', n)
  const served = await Promise.all(waiting)
  t.deepEqual(
    served,
    Array.from({ length: 50 }, (_, n) => ['queue', String(n)]),
  )
})

test('a wait ends when its time is up', async (t) => {
  const db = await memoryStore(t)
  t.is(await db.call('BLPOP', 'nothing', 0.02), null)
  await db.call('RPUSH', 'nothing', '1')
  t.is(await db.call('LLEN', 'nothing'), 1)
})

test('an aborted wait gives its place up', async (t) => {
  const db = await memoryStore(t)
  const controller = new AbortController()
  const { signal } = controller
  const aborted = db.call('BLPOP', 'a', 'b', 0, { signal })
  const next = db.call('BLPOP', 'a', 0)
  await sleep(5)
  controller.abort(new Error('enough'))
  const error = await rejects(t, 'ERR_ABORTED', () => aborted)
  t.is((error.cause as Error).message, 'enough')
  await db.call('RPUSH', 'a', '1')
  t.deepEqual(await next, ['a', '1'])
  await rejects(t, 'ERR_ABORTED', () => db.call('BLPOP', 'a', 0, { signal }))
  // Too late, or never in question: the call ends as it would have.
  const other = new AbortController()
  const served = db.call('RPUSH', 'c', 'x', { signal: other.signal })
  other.abort()
  t.is(await served, 1)
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.call('GET', 'a', { timeout: 1 } as never))
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.call('GET', 'a', { signal: 1 } as never))
})

test('nothing is lost to a wait that is aborted while it is served', async (t) => {
  const db = await memoryStore(t)
  let taken = 0
  for (let n = 0; n < 200; n++) {
    const controller = new AbortController()
    const waiting = db.call('BLPOP', 'queue', 0, { signal: controller.signal }).then(
      () => taken++,
      () => undefined,
    )
    void db.call('RPUSH', 'queue', n)
    controller.abort()
    await waiting
    if (n % 2 === 0) await sleep(0)
  }
  t.is(await db.call('LLEN', 'queue'), 200 - taken)
})

test('flush and drain do not wait for what waits; close ends it', async (t) => {
  const db = await open({ memory: true })
  const waiting = db.call('BLPOP', 'a', 0)
  await db.flush()
  await db.drain()
  t.is(db.pressure.calls, 1)
  const ended = rejects(t, 'ERR_CLOSED', () => waiting)
  await db.close()
  await ended
})

test('a network client and the program wait for each other', async (t) => {
  const db = await memoryStore(t)
  const server = await db.listen({ port: 0 })
  const socket = net.connect(server.port, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString()))
  socket.write('BLPOP from 0\r\nRPUSH to answer\r\n')
  const answer = db.call('BLPOP', 'to', 0)
  await sleep(20)
  t.is(text, '')
  await db.call('RPUSH', 'from', 'question')
  t.deepEqual(await answer, ['to', 'answer'])
  socket.destroy()
  await server.close()
})

test('a call that waits keeps the process alive, and nothing else does', async (t) => {
  const folder = directory(t)
  const ended = await runProgram(
    folder,
    `const db = await skeg.open({ memory: true })
     setTimeout(() => db.call('RPUSH', 'late', 'x'), 50).unref()
     setTimeout(() => {}, 1)
     console.log(await db.call('BLPOP', 'late', 0))`,
  )
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, "[ 'late', 'x' ]\n", ''])
})
