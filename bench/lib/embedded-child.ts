/** Measures one operation of one embedded store and prints the figures as JSON. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type * as Skeg from '../../src/index.ts'
import { floor } from '../napi-floor/build.ts'
import { EMBEDDED_KEYS, EMBEDDED_VALUE_BYTES, type Operation, type Subject } from './embedded.ts'

/** What a store can do; a call of `getMany` counts as one operation for every key. */
interface Store {
  getSync?: (key: string) => unknown
  get?: (key: string) => Promise<unknown>
  set?: (key: string, value: string) => Promise<unknown>
  /** As `set`, and resolves when it is on the disk. */
  setDisk?: (key: string, value: string) => Promise<unknown>
  getMany?: (keys: string[]) => Promise<unknown>
  close: () => Promise<void>
}

const require = createRequire(import.meta.url)
const IN_FLIGHT = 1_000
const MANY = 1_000
const keys = Array.from({ length: EMBEDDED_KEYS }, (_, n) => `key:${String(n).padStart(12, '0')}`)
const value = 'v'.repeat(EMBEDDED_VALUE_BYTES)

async function openSkeg(dir: string): Promise<Store> {
  const { open } = require('../../dist/index.cjs') as typeof Skeg
  const db = await open(dir)
  for (let n = 0; n < keys.length; n += MANY) {
    await db.setMany(keys.slice(n, n + MANY).map((key) => [key, value]))
  }
  return {
    getSync: (key) => db.getSync(key),
    get: (key) => db.get(key),
    set: (key, text) => db.set(key, text),
    setDisk: (key, text) => db.set(key, text, { durability: 'disk' }),
    getMany: (some) => db.getMany(some),
    close: () => db.close(),
  }
}

async function openLmdb(dir: string): Promise<Store> {
  const { open } = await import('lmdb')
  // By default a put resolves before its sync; for the durable ones it has to wait for it.
  const overlappingSync = !operation.startsWith('setDisk')
  const db = open<string, string>({ path: dir, encoding: 'string', overlappingSync })
  await db.transaction(() => {
    for (const key of keys) void db.put(key, value)
  })
  return {
    getSync: (key) => db.get(key),
    get: (key) => Promise.resolve(db.get(key)),
    set: (key, text) => db.put(key, text),
    setDisk: (key, text) => db.put(key, text),
    getMany: (some) => db.getMany(some),
    close: () => db.close(),
  }
}

async function openLevel(dir: string): Promise<Store> {
  const { ClassicLevel } = await import('classic-level')
  const db = new ClassicLevel(dir)
  await db.batch(keys.map((key) => ({ type: 'put' as const, key, value })))
  return {
    getSync: (key) => db.getSync(key),
    get: (key) => db.get(key),
    set: (key, text) => db.put(key, text),
    getMany: (some) => db.getMany(some),
    close: () => db.close(),
  }
}

async function openFloor(): Promise<Store> {
  const { pick } = await floor()
  return {
    getSync: pick,
    get: (key) => Promise.resolve(pick(key)),
    set: (key) => Promise.resolve(pick(key)),
    getMany: (some) => Promise.resolve(some.map(pick)),
    close: () => Promise.resolve(),
  }
}

/** What the machine needs for a write and its sync, without a store. */
function openFile(dir: string): Promise<Store> {
  const file = openSync(dir, 'w')
  const bytes = Buffer.alloc(128, 'v')
  return Promise.resolve({
    setDisk: () => {
      writeSync(file, bytes)
      fdatasyncSync(file)
      return Promise.resolve()
    },
    close: () => {
      closeSync(file)
      return Promise.resolve()
    },
  })
}

/** Random keys, drawn before so that drawing is not measured. */
const order = new Uint32Array(1 << 17).map(() => Math.floor(Math.random() * EMBEDDED_KEYS))
let at = 0
const next = (): string => keys[order[(at = (at + 1) & (order.length - 1))] ?? 0] ?? ''

/** Runs `step`, which does `each` operations, until the time is over. */
async function measure(seconds: number, each: number, step: () => unknown): Promise<number> {
  const end = performance.now() + seconds * 1_000
  const start = performance.now()
  let done = 0
  while (performance.now() < end) {
    const result = step()
    if (result instanceof Promise) await result
    done += each
  }
  return (done * 1_000) / (performance.now() - start)
}

function step(operation: Operation, store: Store): [number, () => unknown] {
  const { getSync, get, set, setDisk, getMany } = store
  const missing = (): never => {
    throw new Error(`this store has no ${operation}`)
  }
  switch (operation) {
    case 'getSync': {
      if (!getSync) return missing()
      return [
        1_000,
        () => {
          for (let n = 0; n < 1_000; n++) getSync(next())
        },
      ]
    }
    case 'get': {
      if (!get) return missing()
      return [
        1_000,
        async () => {
          for (let n = 0; n < 1_000; n++) await get(next())
        },
      ]
    }
    case 'set': {
      if (!set) return missing()
      return [
        IN_FLIGHT,
        () => Promise.all(Array.from({ length: IN_FLIGHT }, () => set(next(), value))),
      ]
    }
    case 'setDisk': {
      if (!setDisk) return missing()
      return [
        IN_FLIGHT,
        () => Promise.all(Array.from({ length: IN_FLIGHT }, () => setDisk(next(), value))),
      ]
    }
    case 'setDiskOne': {
      if (!setDisk) return missing()
      return [1, () => setDisk(next(), value)]
    }
    case 'getMany': {
      if (!getMany) return missing()
      return [MANY, () => getMany(Array.from({ length: MANY }, next))]
    }
  }
}

const [operation, subject, seconds] = process.argv.slice(2) as [Operation, Subject, string]
const dir = mkdtempSync(path.join(tmpdir(), 'skeg-bench-'))
const openers: Record<Subject, (dir: string) => Promise<Store>> = {
  skeg: openSkeg,
  lmdb: openLmdb,
  'classic-level': openLevel,
  floor: openFloor,
  fdatasync: openFile,
}
try {
  const store = await openers[subject](path.join(dir, 'data'))
  const [each, once] = step(operation, store)
  await measure(Number(seconds) / 4, each, once)
  globalThis.gc?.()
  const rate = await measure(Number(seconds), each, once)
  process.stdout.write(JSON.stringify({ per_second: rate }))
  await store.close()
} finally {
  rmSync(dir, { recursive: true, force: true })
}
