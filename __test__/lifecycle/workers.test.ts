/** Worker threads that share a store, end, and are ended. Linux tells what is left of them. */
import test from 'ava'
import { directory } from '../fixtures/stores.ts'
import { runProgram } from '../fixtures/programs.ts'

/** Figures of the process, for the programs below. */
const figures = `
  import { readdirSync, readFileSync } from 'node:fs'
  const linux = process.platform === 'linux'
  const threads = () => linux ? readdirSync('/proc/self/task').length : 0
  const residentMb = () =>
    linux ? Number(/VmRSS:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024 : 0
  const settled = async (limit) => {
    for (let n = 0; n < 500 && threads() > limit; n++) await new Promise((r) => setTimeout(r, 10))
    return threads()
  }
`

const work = `
  const work = async (skeg, who, rounds) => {
    for (let round = 0; round < rounds; round++) {
      const db = await skeg.open('data')
      const key = who + ':' + round
      await Promise.all([
        db.set(key, 'value'),
        db.setMany([[key + ':a', '1'], [key + ':b', '2']]),
        db.update('shared', (n) => String(Number(n ?? 0) + 1)),
      ])
      if ((await db.get(key)) !== 'value') throw new Error('lost ' + key)
      await db.batch().del(key, key + ':a', key + ':b').write()
      await db.close()
    }
  }
`

test('main thread and ten workers open, use and close one store 100 times', async (t) => {
  const ended = await runProgram(
    directory(t),
    `import { isMainThread, Worker, workerData } from 'node:worker_threads'
     import { once } from 'node:events'
     ${figures}
     ${work}
     if (!isMainThread) {
       await work(skeg, 'worker' + workerData, 100)
     } else {
       await work(skeg, 'main', 5)
       const before = await settled(0)
       const workers = Array.from({ length: 10 }, (_, n) => new Worker(new URL(import.meta.url), { workerData: n }))
       const exits = workers.map((worker) => once(worker, 'exit'))
       await work(skeg, 'main', 50)
       const resident = residentMb()
       await work(skeg, 'main', 50)
       const codes = (await Promise.all(exits)).map(([code]) => code)
       const after = await settled(before)
       const db = await skeg.open('data')
       console.log(JSON.stringify({
         codes, count: await db.get('shared'), left: after - before, grown: residentMb() - resident,
       }))
     }`,
  )
  t.deepEqual([ended.code, ended.stderr], [0, ''])
  const { codes, count, left, grown } = JSON.parse(ended.stdout) as Record<string, unknown>
  t.deepEqual(codes, Array(10).fill(0))
  t.is(count, String(10 * 100 + 105))
  t.true((left as number) <= 0, `${String(left)} threads are left`)
  t.true((grown as number) < 50, `grown by ${String(grown)} MB`)
})

test('workers that are terminated in the middle leave nothing behind and break nothing', async (t) => {
  const ended = await runProgram(
    directory(t),
    `import { isMainThread, Worker, workerData, parentPort } from 'node:worker_threads'
     import { once } from 'node:events'
     ${figures}
     ${work}
     if (!isMainThread) {
       const db = await skeg.open('data')
       parentPort.postMessage('open')
       if (workerData % 3 === 0) await db.listen({ port: 0 })
       for (let n = 0; ; n++) {
         const calls = [db.get('shared')]
         for (let i = 0; i < 50; i++) calls.push(db.set('w' + workerData + ':' + i, String(n)))
         calls.push(db.getMany(['w1:1', 'w2:2']), db.call('APPEND', 'log' + workerData, 'x'))
         await Promise.all(calls)
       }
     } else {
       const db = await skeg.open('data')
       let threadsBefore
       for (let round = 0; round < 10; round++) {
         const workers = Array.from({ length: 10 }, (_, n) => new Worker(new URL(import.meta.url), { workerData: n }))
         await Promise.all(workers.map((worker) => once(worker, 'message')))
         await db.set('main', String(round))
         await Promise.all(workers.map((worker) => worker.terminate()))
         threadsBefore ??= await settled(0)
       }
       const left = (await settled(threadsBefore)) - threadsBefore
       console.log(JSON.stringify({ main: await db.get('main'), left }))
       await db.close()
       const again = await skeg.open('data')
       if ((await again.get('main')) !== '9') throw new Error('lost')
       await again.close()
     }`,
  )
  t.deepEqual([ended.code, ended.signal, ended.stderr], [0, null, ''])
  const { main, left } = JSON.parse(ended.stdout) as { main: string; left: number }
  t.is(main, '9')
  t.true(left <= 0, `${left} threads are left`)
})

test('a store that only a worker had open can be opened after the worker has ended', async (t) => {
  const ended = await runProgram(
    directory(t),
    `import { isMainThread, Worker } from 'node:worker_threads'
     import { once } from 'node:events'
     if (!isMainThread) {
       const db = await skeg.open('data')
       await db.set('from', 'worker')
     } else {
       for (let round = 0; round < 5; round++) {
         await once(new Worker(new URL(import.meta.url)), 'exit')
       }
       const db = await skeg.open('data')
       console.log(await db.get('from'))
     }`,
  )
  t.deepEqual([ended.code, ended.stdout, ended.stderr], [0, 'worker\n', ''])
})
