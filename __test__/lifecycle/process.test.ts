/** How a process lives and ends with a store open in it. */
import test from 'ava'
import { open } from 'skeg'
import { directory } from '../fixtures/stores.ts'
import { runProgram } from '../fixtures/programs.ts'

for (const durability of ['kernel', 'disk'] as const) {
  test(`a program whose last statement awaits a write ends by itself, with it made (${durability})`, async (t) => {
    const folder = directory(t)
    const ended = await runProgram(
      folder,
      `const db = await skeg.open('data')
       await db.set('key', 'value', { durability: '${durability}' })`,
    )
    t.deepEqual([ended.code, ended.signal, ended.stderr], [0, null, ''])
    const db = await open(`${folder}/data`)
    t.is(await db.get('key'), 'value')
    await db.close()
  })
}

test('a write that nobody awaits is made before the process ends', async (t) => {
  const folder = directory(t)
  const ended = await runProgram(
    folder,
    `const db = await skeg.open('data')
     for (let n = 0; n < 1000; n++) db.set('key:' + n, String(n))
     db.call('APPEND', 'log', 'line')`,
  )
  t.deepEqual([ended.code, ended.stderr], [0, ''])
  const db = await open(`${folder}/data`)
  t.is((await db.stats()).keys, 1_001)
  await db.close()
})

test('an idle store keeps no process alive, on disk or in memory', async (t) => {
  const folder = directory(t)
  const ended = await runProgram(
    folder,
    `const db = await skeg.open('data')
     const cache = await skeg.open({ memory: true })
     await db.set('a', '1')
     await cache.set('a', '1')
     console.log('last line')`,
  )
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, 'last line\n', ''])
})

test('a server keeps the process alive until it is closed', async (t) => {
  const folder = directory(t)
  const ended = await runProgram(
    folder,
    `const db = await skeg.open('data')
     const server = await db.listen({ port: 0 })
     const before = Date.now()
     process.on('beforeExit', () => console.log('ended'))
     setTimeout(() => { console.log('closing'); server.close() }, 100).unref()
     setTimeout(() => {}, 1)`,
  )
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, 'closing\nended\n', ''])
})

test('process.exit in the middle of writes loses nothing that was acknowledged', async (t) => {
  const folder = directory(t)
  const ended = await runProgram(
    folder,
    `import { writeSync } from 'node:fs'
     const db = await skeg.open('data')
     let n = 0
     setTimeout(() => process.exit(3), 150)
     const writer = async (name) => {
       for (let n = 0; ; n++) {
         await db.set(name, String(n))
         writeSync(1, name + ' ' + n + '\\n')
       }
     }
     for (let w = 0; w < 10; w++) writer('w' + w)`,
  )
  t.deepEqual([ended.code, ended.stderr], [3, ''])
  const last = new Map<string, number>()
  for (const line of ended.stdout.trim().split('\n')) {
    const [name = '', n = ''] = line.split(' ')
    last.set(name, Number(n))
  }
  t.is(last.size, 10)
  const db = await open(`${folder}/data`)
  for (const [name, n] of last) t.true(Number(await db.get(name)) >= n, name)
  await db.close()
})

test('an uncaught exception ends the process as it would without a store', async (t) => {
  const ended = await runProgram(
    directory(t),
    `const db = await skeg.open('data')
     db.set('a', '1').then(() => { throw new Error('mine') })`,
  )
  t.is(ended.code, 1)
  t.regex(ended.stderr, /Error: mine/)
})

test('awaited reads in memory let timers fire', async (t) => {
  const db = await open({ memory: true })
  await db.set('key', 'value')
  let fired = 0
  const timer = setInterval(() => fired++, 1)
  for (let n = 0; n < 3_000_000; n++) await db.get('key')
  clearInterval(timer)
  // The loop takes a second or more. Without giving way it would be 0.
  t.true(fired > 10, String(fired))
  await db.close()
})

test('calls that end while the thread is busy settle over several turns', async (t) => {
  const db = await open({ memory: true })
  const docs = await db.index('docs', { dim: 1, metric: 'ip' })
  await docs.set('id', [1])
  let turn = 0
  const settled = new Map<number, number>()
  const searches = Array.from({ length: 4_000 }, async () => {
    await docs.search([1])
    settled.set(turn, (settled.get(turn) ?? 0) + 1)
  })
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
  let immediate = setImmediate(function next() {
    turn++
    immediate = setImmediate(next)
  })
  await Promise.all(searches)
  clearImmediate(immediate)
  t.true(Math.max(...settled.values()) <= 1_024, JSON.stringify([...settled]))
  await db.close()
})

test('the package works when it is required, also together with an import', async (t) => {
  const ended = await runProgram(
    directory(t),
    `import { createRequire } from 'node:module'
     const required = createRequire(import.meta.url)(${JSON.stringify(
       new URL('../../dist/index.cjs', import.meta.url).pathname,
     )})
     const one = await skeg.open('data')
     const two = await required.open('data')
     await one.set('key', 'value')
     console.log(await two.get('key'), two instanceof skeg.Database)
     await one.close()
     await two.set('key', 'more')
     await two.close()`,
  )
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, 'value true\n', ''])
})

test('callbacks keep the async context of their caller', async (t) => {
  const ended = await runProgram(
    directory(t),
    `import { AsyncLocalStorage } from 'node:async_hooks'
     const context = new AsyncLocalStorage()
     const db = await skeg.open('data')
     const seen = await Promise.all([1, 2, 3].map((n) => context.run(n, async () => {
       await db.set('key:' + n, 'v')
       const afterSet = context.getStore()
       await db.get('key:' + n)
       let inUpdate
       await db.update('key:' + n, () => { inUpdate = context.getStore(); return 'w' })
       return [afterSet, context.getStore(), inUpdate]
     })))
     console.log(JSON.stringify(seen))`,
  )
  t.deepEqual([ended.stdout, ended.stderr], ['[[1,1,1],[2,2,2],[3,3,3]]\n', ''])
})
