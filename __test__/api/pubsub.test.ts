/** Publish and subscribe of a program: its own iterators, network clients, keyspace notifications. */
import test from 'ava'
import { createClient } from 'redis'
import { Redis } from 'ioredis'
import { open, SkegError, type Message } from 'skeg'

test('messages come in order, from the call on, and leaving the loop ends it', async (t) => {
  const db = await open({ memory: true })
  const news = db.subscribe(['news', 'sport'])
  t.is(await db.publish('news', 'first'), 1)
  t.is(await db.publish('sport', 'second'), 1)
  t.is(await db.publish('else', 'nobody'), 0)
  const got: Message[] = []
  for await (const message of news) {
    got.push(message)
    if (got.length === 2) break
  }
  t.deepEqual(got, [
    { channel: 'news', message: 'first' },
    { channel: 'sport', message: 'second' },
  ])
  t.is(await db.publish('news', 'late'), 0)
  t.deepEqual(await news.next(), { value: undefined, done: true })
  await db.close()
})

test('patterns, bytes, and whoever waits', async (t) => {
  const db = await open({ memory: true })
  const texts = db.subscribe({ pattern: 'n*' })
  const bytes = db.subscribeBuffer('news')
  const both = Promise.all([texts.next(), bytes.next()])
  await db.publish('news', Buffer.from('hello'))
  const [text, raw] = await both
  t.deepEqual(text.value, { channel: 'news', message: 'hello', pattern: 'n*' })
  t.deepEqual(raw.value, { channel: Buffer.from('news'), message: Buffer.from('hello') })
  const last = texts.next()
  await db.close()
  t.deepEqual(await last, { value: undefined, done: true })
})

test('a signal ends it with ERR_ABORTED, wrong arguments are refused', async (t) => {
  const db = await open({ memory: true })
  const controller = new AbortController()
  const subscription = db.subscribe('a', { signal: controller.signal })
  const waiting = subscription.next()
  controller.abort('enough')
  const error = await t.throwsAsync(waiting, { instanceOf: SkegError, code: 'ERR_ABORTED' })
  t.is(error.cause, 'enough')
  t.true((await subscription.next()).done)
  const invalid = { instanceOf: SkegError, code: 'ERR_INVALID_ARGUMENT' }
  t.throws(() => db.subscribe([]), invalid)
  t.throws(() => db.subscribe({ patterns: 'a' } as never), invalid)
  t.throws(() => db.subscribe('a', { signal: 'x' } as never), invalid)
  await t.throwsAsync(db.call('SUBSCRIBE', 'a'), { code: 'ERR_REPLY' })
  await db.close()
})

test('what nobody takes is bounded', async (t) => {
  const db = await open({ memory: true })
  const slow = db.subscribe('flood')
  const text = 'x'.repeat(1 << 20)
  for (let i = 0; i < 10; i++) await db.publish('flood', text)
  for (let i = 0; i < 10; i++) t.is((await slow.next()).value?.message.length, text.length)
  for (let i = 0; i < 70; i++) await db.publish('flood', text)
  await t.throwsAsync(slow.next(), { instanceOf: SkegError, code: 'ERR_BUSY' })
  t.is(await db.publish('flood', text), 0)
  await db.close()
})

test('network clients and the program hear each other', async (t) => {
  const db = await open({ memory: true })
  const server = await db.listen({ port: 0 })
  const heard = db.subscribe('up')
  const io = new Redis(server.port, '127.0.0.1')
  const subscriber = new Redis(server.port, '127.0.0.1')
  const node = createClient({ socket: { port: server.port }, RESP: 3 })
  await node.connect()
  const byIo = new Promise((resolve) => {
    subscriber.on('message', (channel, message) => {
      resolve([channel, message])
    })
  })
  await subscriber.subscribe('down')
  const byNode = new Promise((resolve) => {
    void node.pSubscribe('d*', (message, channel) => {
      resolve([channel, message])
    })
  })
  await io.config('SET', 'notify-keyspace-events', 'E$')
  const events = db.subscribe({ pattern: '__keyevent@0__:*' })
  while ((await db.publish('down', 'to all')) < 2);
  t.deepEqual(await byIo, ['down', 'to all'])
  t.deepEqual(await byNode, ['down', 'to all'])
  t.is(await io.publish('up', 'to the program'), 1)
  t.is((await heard.next()).value?.message, 'to the program')
  await db.set('key', 'value')
  t.deepEqual((await events.next()).value, {
    channel: '__keyevent@0__:set',
    message: 'key',
    pattern: '__keyevent@0__:*',
  })
  io.disconnect()
  subscriber.disconnect()
  node.destroy()
  await db.close()
})
