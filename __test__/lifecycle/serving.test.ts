/** One store, reached from within and over the network. */
import test, { type ExecutionContext } from 'ava'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { open, serve, type ServeOptions } from 'skeg'
import { directory, diskStore, rejects } from '../fixtures/stores.ts'

/** A client that goes away with the test, however that ends. */
function connect(t: ExecutionContext, port: number): Redis {
  const client = new Redis(port, { retryStrategy: null })
  client.on('error', () => undefined)
  t.teardown(() => {
    client.disconnect()
  })
  return client
}

test('clients and the program see the same data', async (t) => {
  const db = await diskStore(t)
  const server = await db.listen({ port: 0 })
  t.is(server.host, '127.0.0.1')
  const client = connect(t, server.port)
  await db.set('from', 'program')
  t.is(await client.get('from'), 'program')
  await client.set('from', 'client')
  t.is(await db.get('from'), 'client')

  const docs = await db.index('docs', { dim: 2, metric: 'ip' })
  await docs.set('a', [3, 4])
  const query = Buffer.from(Float32Array.of(1, 1).buffer)
  // ioredis speaks RESP3, where hits are pairs.
  t.deepEqual(await client.call('SKEG.VSEARCH', 'docs', 1, 0, query), [['a', '7']])

  await db.transaction(async (tx) => {
    await tx.get('watched')
    if ((await client.get('watched')) === null) await client.set('watched', 'first')
    tx.set('watched', `${(await tx.get('watched')) ?? ''}+`)
  })
  t.is(await db.get('watched'), 'first+', 'a client made the transaction run again')
  await server.close()
  t.is(await db.get('from'), 'client', 'the store outlives the server')
})

for (const RESP of [2, 3] as const) {
  test(`node-redis works over RESP${RESP}`, async (t) => {
    const db = await diskStore(t)
    const server = await db.listen({ port: 0 })
    const client = createClient({ url: `redis://127.0.0.1:${server.port}`, RESP })
    client.on('error', () => undefined)
    t.teardown(() => {
      if (client.isOpen) client.destroy()
    })
    await client.connect()
    await client.set('key', 'value', { EX: 100 })
    t.is(await client.get('key'), 'value')
    t.is(await client.incr('n'), 1)
    t.deepEqual(await client.mGet(['key', 'no']), ['value', null])
    t.deepEqual(await client.multi().set('a', '1').get('a').exec(), ['OK', '1'])
    t.is(await db.get('a'), '1')
    t.true((await client.ttl('key')) > 90)
    await server.close()
  })
}

test('closing the store closes its servers', async (t) => {
  const folder = directory(t)
  const db = await open(path.join(folder, 'data'))
  const unixSocket = path.join(folder, 'socket')
  await db.listen({ port: 0, unixSocket })
  t.true(existsSync(unixSocket))
  await db.close()
  t.false(existsSync(unixSocket))
})

test('a port that is taken and options that are wrong are refused', async (t) => {
  const db = await diskStore(t)
  const { port } = await db.listen({ port: 0 })
  await rejects(t, 'ERR_IO', () => db.listen({ port }))
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.listen())
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.listen({ port: 70_000 }))
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.listen({ port: 0, host: 'no such host' }))
})

test('a server in a process of its own', async (t) => {
  const data = path.join(directory(t), 'data')
  const server = await serve({ data, port: 0 })
  const client = connect(t, server.port)
  await client.set('key', 'value')
  await rejects(t, 'ERR_LOCKED', () => open(data))
  await server.close()
  const db = await open(data)
  t.is(await db.get('key'), 'value')
  await rejects(t, 'ERR_IO', () => serve({ data, port: 0 }))
  await db.close()
})

test('a server in a process of its own takes the options of `skeg serve`', async (t) => {
  const place = directory(t)
  const unixSocket = path.join(place, 'skeg, a.sock')
  const server = await serve({
    data: path.join(place, 'data'),
    port: 0,
    host: ['127.0.0.1'],
    unixSocket,
    durability: 'disk',
    shards: 2,
    segmentSize: 2 ** 20,
    inlineMax: 100,
    cache: 2 ** 20,
    maxMemory: 2 ** 26,
    eviction: 'allkeys-group-lru',
    groupDepth: 1,
    groupDelimiter: '/',
    snapshotEvery: { ms: 60_000, writes: 7 },
    keepSnapshots: 2,
    maxConnections: 20,
    idleTimeout: 90_000,
    tcpKeepAlive: 60_000,
    threads: 1,
    maxValueSize: 2 ** 21,
    maxOutputSize: 2 ** 24,
    shutdownTimeout: 2_500,
    debugCommand: true,
    logLevel: 'warn',
  })
  t.deepEqual([server.host, server.unixSocket], ['127.0.0.1', unixSocket])
  const client = connect(t, server.port)
  const settings = {
    appendfsync: 'always',
    'maxmemory-policy': 'allkeys-group-lru',
    'maxmemory-group-depth': '1',
    'maxmemory-group-delimiter': '/',
    maxmemory: String(2 ** 26),
    save: '60 7',
    maxclients: '20',
    timeout: '90',
    'tcp-keepalive': '60',
    'proto-max-bulk-len': String(2 ** 21),
  }
  for (const [name, value] of Object.entries(settings)) {
    t.deepEqual(await client.config('GET', name), [name, value], name)
  }
  t.is(((await client.call('SKEG.SHARDS')) as unknown[]).length, 2)
  await client.quit()
  await server.close()

  const local = await serve({ port: false, unixSocket })
  t.deepEqual([local.host, local.port, local.unixSocket], ['', 0, unixSocket])
  await local.close()
})

test('options of a server process are checked before it is started', async (t) => {
  const wrong: [ServeOptions, RegExp][] = [
    [{ port: 65_536 }, /`port` must be a whole number/],
    [{ port: false }, /there has to be a `unixSocket`/],
    [{ eviction: 'lru' as 'allkeys-lru' }, /`eviction` must be one of noeviction/],
    [{ threads: 0 }, /`threads`/],
    [{ groupDepth: 17 }, /`groupDepth`/],
    [{ groupDelimiter: '::' }, /`groupDelimiter`/],
    [{ keepSnapshots: 9 }, /`keepSnapshots`/],
    [{ idleTimeout: -1 }, /`idleTimeout`/],
    [{ snapshotEvery: {} as { ms: number } }, /`snapshotEvery.ms`/],
    [{ unixsocket: 'x' } as ServeOptions, /did you mean unixSocket/],
    // What the server alone knows.
    [{ port: 0, host: 'example.org' }, /the server did not start: .*--host/s],
    [{ port: 0, shards: 3 }, /the server did not start: .*power of two/s],
  ]
  for (const [options, message] of wrong) {
    const error = await rejects(t, 'ERR_INVALID_ARGUMENT', () => serve(options))
    t.regex(error.message, message)
  }
})
