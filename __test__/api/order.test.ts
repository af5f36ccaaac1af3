/**
 * Calls take effect in the order in which they are made: random sequences against a model that
 * executes them one after the other, while other threads keep the store busy.
 */
import test from 'ava'
import fc from 'fast-check'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { open, SkegError, type Database } from 'skeg'
import { skegModule } from '../fixtures/programs.ts'

type Step =
  | { kind: 'set' | 'append'; key: string; value: string }
  | { kind: 'get' | 'getSync' | 'del'; key: string }
  | { kind: 'setMany'; keys: string[]; value: string }
  | { kind: 'getMany'; keys: string[] }
  | { kind: 'batch'; set: string; del: string; value: string }

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const value = fc.string({ maxLength: 4 })
const keys = fc.array(key, { minLength: 1, maxLength: 4 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('set' as const, 'append' as const), key, value }),
  fc.record({ kind: fc.constantFrom('get' as const, 'getSync' as const, 'del' as const), key }),
  fc.record({ kind: fc.constant('setMany' as const), keys, value }),
  fc.record({ kind: fc.constant('getMany' as const), keys }),
  fc.record({ kind: fc.constant('batch' as const), set: key, del: key, value }),
)

const RUNS = { fast: 40, full: 200, nightly: 2_000 }[process.env['SKEG_TEST_LEVEL'] ?? 'fast'] ?? 40

/** Makes all calls without waiting, and says what each should have returned. */
async function compare(db: Database, prefix: string, steps: Step[]): Promise<void> {
  const model = new Map<string, string>()
  const read = (name: string): string | null => model.get(name) ?? null
  const checks: Promise<void>[] = []
  const expect = (call: Promise<unknown>, expected: unknown): void => {
    checks.push(
      call.then((actual) => {
        if (JSON.stringify(actual) !== JSON.stringify(expected)) {
          throw new Error(`${JSON.stringify(actual)} where ${JSON.stringify(expected)} was due`)
        }
      }),
    )
  }
  const full = (name: string): string => `${prefix}${name}`
  for (const s of steps) {
    switch (s.kind) {
      case 'set':
        model.set(s.key, s.value)
        expect(db.set(full(s.key), s.value), true)
        break
      case 'append':
        model.set(s.key, (read(s.key) ?? '') + s.value)
        expect(db.call('APPEND', full(s.key), s.value), Buffer.byteLength(read(s.key) ?? ''))
        break
      case 'get':
        expect(db.get(full(s.key)), read(s.key))
        break
      case 'getSync':
        try {
          expect(Promise.resolve(db.getSync(full(s.key))), read(s.key))
        } catch (error) {
          // The only way out that it has: while earlier calls are queued.
          if (!(error instanceof SkegError) || error.code !== 'ERR_WOULD_BLOCK') throw error
        }
        break
      case 'del':
        expect(db.del(full(s.key)), model.delete(s.key) ? 1 : 0)
        break
      case 'setMany':
        for (const name of s.keys) model.set(name, s.value)
        expect(db.setMany(s.keys.map((name) => [full(name), s.value] as const)), undefined)
        break
      case 'getMany':
        expect(db.getMany(s.keys.map(full)), s.keys.map(read))
        break
      case 'batch':
        model.set(s.set, s.value)
        model.delete(s.del)
        expect(db.batch().set(full(s.set), s.value).del(full(s.del)).write(), undefined)
        break
    }
  }
  await Promise.all(checks)
}

test('calls take effect in call order while other threads use the same shards', async (t) => {
  const name = `order-${process.pid}`
  const db = await open({ memory: true, name, shards: 4 })
  const source = `
    import { workerData, parentPort } from 'node:worker_threads'
    import { open } from ${JSON.stringify(skegModule)}
    const db = await open({ memory: true, name: workerData, shards: 4 })
    let stopped = false
    parentPort.once('message', () => { stopped = true })
    parentPort.postMessage('ready')
    while (!stopped) {
      const calls = []
      for (let n = 0; n < 200; n++) calls.push(db.set('w' + n, 'x'), db.getMany(['w1', 'w2', 'w3']))
      await Promise.all(calls)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await db.close()
  `
  const workers = [1, 2].map(
    () =>
      new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
        workerData: name,
      }),
  )
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
      await compare(db, `run${++run}:`, steps)
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
  for (const worker of workers) worker.postMessage('stop')
  await Promise.all(workers.map((worker) => once(worker, 'exit')))
  await db.close()
  t.pass()
})

test('a read after a write sees it, at once and awaited', async (t) => {
  const db = await open({ memory: true })
  for (let n = 0; n < 1_000; n++) {
    const written = db.set('key', String(n))
    t.is(db.getSync('key'), String(n))
    t.is(await db.get('key'), String(n))
    await written
  }
  await db.close()
})
