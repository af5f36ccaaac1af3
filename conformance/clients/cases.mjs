/**
 * What the READMEs of libraries show, against the server at the URL that is the first argument. Each case
 * prints a line: `ok NAME`, or `failed NAME: why`. JavaScript, because the libraries' types are not wanted
 * by the type checker of this repository.
 */
import assert from 'node:assert/strict'
import KeyvRedis from '@keyv/redis'
import { createCache } from 'cache-manager'
import { RedisStore } from 'connect-redis'
import { Redis } from 'ioredis'
import { Keyv } from 'keyv'
import { createClient } from 'redis'

const url = process.argv[2]

async function withIoredis(work) {
  const client = new Redis(url)
  try {
    await client.flushall()
    await work(client)
  } finally {
    client.disconnect()
  }
}

async function withNodeRedis(work) {
  const client = await createClient({ url }).connect()
  try {
    await client.flushAll()
    await work(client)
  } finally {
    client.destroy()
  }
}

const called = (call) =>
  new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value))))

const cases = {
  'ioredis: strings and keys': () =>
    withIoredis(async (redis) => {
      assert.equal(await redis.set('mykey', 'value'), 'OK')
      assert.equal(await redis.get('mykey'), 'value')
      assert.equal(await redis.set('short', 'x', 'EX', 10), 'OK')
      assert.equal(await redis.ttl('short'), 10)
      assert.equal(await redis.incrby('n', 5), 5)
      assert.deepEqual(await redis.mget('mykey', 'none', 'n'), ['value', null, '5'])
      assert.equal(await redis.getdel('mykey'), 'value')
      assert.equal(await redis.exists('mykey', 'n'), 1)
      assert.deepEqual(await redis.getBuffer('n'), Buffer.from('5'))
    }),
  'ioredis: hashes': () =>
    withIoredis(async (redis) => {
      assert.equal(await redis.hset('user', { name: 'Bob', age: 20 }), 2)
      assert.deepEqual(await redis.hgetall('user'), { name: 'Bob', age: '20' })
      assert.deepEqual(await redis.hmget('user', 'age', 'none'), ['20', null])
      assert.equal(await redis.hincrby('user', 'age', 1), 21)
    }),
  'ioredis: lists, and waiting for them': () =>
    withIoredis(async (redis) => {
      assert.equal(await redis.rpush('list', 'a', 'b', 'c'), 3)
      assert.deepEqual(await redis.lrange('list', 0, -1), ['a', 'b', 'c'])
      const other = redis.duplicate()
      const waits = other.blpop('queue', 5)
      await redis.lpush('queue', 'job')
      assert.deepEqual(await waits, ['queue', 'job'])
      other.disconnect()
    }),
  'ioredis: sets and sorted sets': () =>
    withIoredis(async (redis) => {
      assert.equal(await redis.sadd('set', [1, 3, 5, 7]), 4)
      assert.deepEqual((await redis.smembers('set')).sort(), ['1', '3', '5', '7'])
      assert.equal(await redis.zadd('sorted', 1, 'one', 2, 'dos', 4, 'quatro', 3, 'three'), 4)
      assert.deepEqual(await redis.zrange('sorted', 0, 1), ['one', 'dos'])
      assert.equal(await redis.zscore('sorted', 'three'), '3')
    }),
  'ioredis: pipelines and transactions': () =>
    withIoredis(async (redis) => {
      const piped = await redis.pipeline().set('foo', 'bar').get('foo').sadd('foo', 'x').exec()
      assert.deepEqual(piped.slice(0, 2), [
        [null, 'OK'],
        [null, 'bar'],
      ])
      assert.match(piped[2][0].message, /^WRONGTYPE/)
      assert.deepEqual(await redis.multi().set('a', '1').incr('a').exec(), [
        [null, 'OK'],
        [null, 2],
      ])
      await redis.watch('a')
      const other = redis.duplicate()
      await other.set('a', '9')
      other.disconnect()
      assert.equal(await redis.multi().get('a').exec(), null)
    }),
  'ioredis: publish and subscribe': () =>
    withIoredis(async (redis) => {
      const other = redis.duplicate()
      const message = new Promise((resolve) => other.on('message', (...it) => resolve(it)))
      assert.equal(await other.subscribe('news'), 1)
      assert.equal(await redis.publish('news', 'hello'), 1)
      assert.deepEqual(await message, ['news', 'hello'])
      other.disconnect()
    }),
  'ioredis: scanning as a stream': () =>
    withIoredis(async (redis) => {
      const names = Array.from({ length: 500 }, (_, n) => `key:${n}`)
      await redis.mset(names.flatMap((name) => [name, 'x']))
      const seen = new Set()
      for await (const some of redis.scanStream({ match: 'key:*', count: 100 }))
        some.forEach((name) => seen.add(name))
      assert.deepEqual([...seen].sort(), names.sort())
    }),
  'node-redis: hashes, transactions, scanning': () =>
    withNodeRedis(async (client) => {
      await client.set('key', 'value', { expiration: { type: 'EX', value: 10 }, condition: 'NX' })
      assert.equal(await client.get('key'), 'value')
      await client.hSet('key2', 'field', 'value')
      assert.deepEqual({ ...(await client.hGetAll('key2')) }, { field: 'value' })
      assert.deepEqual(await client.multi().set('k', 'v').get('k').exec(), ['OK', 'v'])
      const seen = []
      for await (const keys of client.scanIterator()) seen.push(...keys)
      assert.deepEqual(seen.sort(), ['k', 'key', 'key2'])
    }),
  'node-redis: a pool, isolated WATCH, publish and subscribe': () =>
    withNodeRedis(async (client) => {
      const listener = await client.duplicate().connect()
      const message = new Promise((resolve) =>
        listener.subscribe('channel', resolve).catch(resolve),
      )
      while ((await client.publish('channel', 'message')) === 0);
      assert.equal(await message, 'message')
      listener.destroy()
    }),
  'keyv with @keyv/redis': async () => {
    const keyv = new Keyv(new KeyvRedis(url), { namespace: 'cases' })
    await keyv.set('foo', 'expires in 1 second', 60_000)
    await keyv.set('bar', { nested: [1, 2] })
    assert.equal(await keyv.get('foo'), 'expires in 1 second')
    assert.deepEqual(await keyv.get(['bar', 'none']), [{ nested: [1, 2] }, undefined])
    assert.equal(await keyv.has('foo'), true)
    assert.equal(await keyv.delete('foo'), true)
    await keyv.clear()
    assert.equal(await keyv.get('bar'), undefined)
    await keyv.disconnect()
  },
  'cache-manager with @keyv/redis': async () => {
    const store = new Keyv(new KeyvRedis(url), { namespace: 'cache' })
    const cache = createCache({ stores: [store], ttl: 60_000 })
    await cache.set('foo', 'bar')
    assert.equal(await cache.get('foo'), 'bar')
    await cache.mset([
      { key: 'a', value: 1 },
      { key: 'b', value: 2, ttl: 5_000 },
    ])
    assert.deepEqual(await cache.mget(['a', 'b', 'c']), [1, 2, undefined])
    let calls = 0
    const work = () => Promise.resolve(++calls)
    assert.deepEqual([await cache.wrap('w', work), await cache.wrap('w', work)], [1, 1])
    await cache.del('foo')
    assert.equal(await cache.get('foo'), undefined)
    await cache.clear()
    assert.equal(await cache.get('a'), undefined)
    await store.disconnect()
  },
  'connect-redis as a store of express-session': () =>
    withNodeRedis(async (client) => {
      const store = new RedisStore({ client, prefix: 'myapp:', ttl: 100 })
      const session = { cookie: { originalMaxAge: 10_000 }, views: 1 }
      await called((done) => store.set('one', session, done))
      await called((done) => store.set('two', { ...session, views: 2 }, done))
      assert.deepEqual(await called((done) => store.get('one', done)), session)
      assert.ok((await client.ttl('myapp:one')) > 0)
      await called((done) => store.touch('one', session, done))
      assert.deepEqual((await called((done) => store.ids(done))).sort(), ['one', 'two'])
      assert.equal((await called((done) => store.all(done))).length, 2)
      await called((done) => store.destroy('one', done))
      assert.equal(await called((done) => store.length(done)), 1)
      await called((done) => store.clear(done))
      assert.equal(await called((done) => store.length(done)), 0)
    }),
}

for (const [name, run] of Object.entries(cases)) {
  try {
    await run()
    console.log(`ok ${name}`)
  } catch (error) {
    console.log(`failed ${name}: ${String(error.message ?? error).replaceAll('\n', ' ')}`)
  }
}
// Some clients keep timers.
process.exit(0)
