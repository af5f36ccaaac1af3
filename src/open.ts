// Opening a store.

import { setTimeout } from 'node:timers/promises'
import {
  OPEN_CREATE,
  OPEN_EVICTION_SHIFT,
  OPEN_GROUPING_SHIFT,
  OPEN_READ_ONLY,
  TARGET_DIRECTORY,
  TARGET_NAMED,
  TARGET_PRIVATE,
  type Handle,
} from './binding.ts'
import { KERNEL, MEMORY } from './acknowledgements.ts'
import { Database } from './database.ts'
import { SkegError } from './errors.ts'
import { getEnvironment, type Environment } from './environment.ts'
import { Lane } from './lane.ts'
import {
  boolean,
  checkKeys,
  evictionOf,
  expected,
  groupingOf,
  integer,
  level,
  type MemoryOptions,
  type OpenOptions,
  snapshotEvery,
  type SnapshotEvery,
} from './options.ts'

const SHARED_KEYS = [
  'shards',
  'maxMemory',
  'eviction',
  'groupDepth',
  'groupDelimiter',
  'maxPendingBytes',
  'maxPendingCalls',
] as const
const OPEN_KEYS = [
  ...['durability', 'readOnly', 'createIfMissing', 'snapshotEvery', 'waitForLock'],
  ...['inlineMax', 'cache', 'keepSnapshots'],
  ...SHARED_KEYS,
]
const MEMORY_KEYS = ['memory', 'name', ...SHARED_KEYS] as const

/**
 * Opens the store in a directory, or one in memory only.
 *
 * Worker threads of one process that open the same directory share one store. Another process is
 * refused with `ERR_LOCKED`.
 *
 * @example
 * ```ts
 * const db = await open('./data')
 * await db.set('user:1', 'Ada')
 * await db.close()
 * ```
 */
export async function open(directory: string, options?: OpenOptions): Promise<Database>
export async function open(options: MemoryOptions): Promise<Database>
export async function open(
  target: string | MemoryOptions,
  options: OpenOptions = {},
): Promise<Database> {
  const request = typeof target === 'string' ? inDirectory(target, options) : inMemory(target)
  const environment = getEnvironment()
  const handle = await openWhenFree(environment, request)
  const damage = environment.binding.damage(handle)
  if (damage) process.emitWarning(damage, 'SkegWarning')
  const { pendingBytes, pendingCalls } = request
  return Database.create(
    new Lane(environment, handle, { level: request.durability, pendingBytes, pendingCalls }),
  )
}

/** Pause between two tries to lock a directory. */
const LOCK_PAUSE_MS = 25

async function openWhenFree(environment: Environment, request: OpenRequest): Promise<Handle> {
  const { kind, name, shards, durability, snapshot, inlineMax, cache, maxMemory } = request
  const flags =
    (request.readOnly ? OPEN_READ_ONLY : 0) |
    (request.createIfMissing ? OPEN_CREATE : 0) |
    (request.eviction << OPEN_EVICTION_SHIFT) |
    (request.grouping << OPEN_GROUPING_SHIFT)
  const end = performance.now() + request.waitForLock
  for (;;) {
    const id = environment.binding.open(
      kind,
      name,
      shards,
      durability,
      flags,
      snapshot.ms,
      snapshot.writes,
      inlineMax,
      cache,
      maxMemory,
      request.keepSnapshots,
    )
    if (id === undefined) throw environment.failure()
    try {
      return await environment.request(id, (value) => value as Handle)
    } catch (error) {
      const isLocked = error instanceof SkegError && error.code === 'ERR_LOCKED'
      if (!isLocked || performance.now() >= end) throw error
      await setTimeout(LOCK_PAUSE_MS)
    }
  }
}

interface OpenRequest {
  waitForLock: number
  kind: number
  name: string
  shards: number
  durability: number
  readOnly: boolean
  createIfMissing: boolean
  snapshot: Required<SnapshotEvery>
  keepSnapshots: number
  inlineMax: number
  cache: number
  maxMemory: number
  eviction: number
  grouping: number
  pendingBytes: number
  pendingCalls: number
}

function inDirectory(directory: string, options: OpenOptions): OpenRequest {
  if (directory === '' || directory.includes('\0')) throw expected('directory', 'a path')
  checkKeys('the options of open', options, OPEN_KEYS)
  return {
    kind: TARGET_DIRECTORY,
    name: directory,
    durability: level(options.durability, KERNEL),
    readOnly: boolean('readOnly', options.readOnly, false),
    waitForLock: integer('waitForLock', options.waitForLock, 0, 2 ** 31 - 1, 0),
    createIfMissing: boolean('createIfMissing', options.createIfMissing, true),
    snapshot: snapshotEvery(options.snapshotEvery),
    keepSnapshots: integer('keepSnapshots', options.keepSnapshots, 1, 8, 1),
    inlineMax: integer('inlineMax', options.inlineMax, 64, 2 ** 29, INLINE_MAX),
    cache: integer('cache', options.cache, 0, 2 ** 40, CACHE_BYTES),
    ...shared(options),
  }
}

function inMemory(options: MemoryOptions): OpenRequest {
  if (!hasMemory(options)) {
    throw expected('directory', 'a path, or be replaced by options with `memory: true`')
  }
  checkKeys('the options of open', options, MEMORY_KEYS)
  const { memory, name } = options as { memory: unknown; name?: unknown }
  if (memory !== true) throw expected('memory', 'true when no directory is given')
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw expected('name', 'a string that is not empty')
  }
  return {
    kind: name === undefined ? TARGET_PRIVATE : TARGET_NAMED,
    name: name ?? '',
    durability: MEMORY,
    readOnly: false,
    createIfMissing: true,
    snapshot: snapshotEvery(undefined),
    keepSnapshots: 1,
    inlineMax: INLINE_MAX,
    cache: CACHE_BYTES,
    waitForLock: 0,
    ...shared(options),
  }
}

const INLINE_MAX = 1024
const CACHE_BYTES = 64 * 1024 * 1024

function hasMemory(options: unknown): boolean {
  return typeof options === 'object' && options !== null && 'memory' in options
}

type Shared = Pick<
  OpenRequest,
  'shards' | 'maxMemory' | 'eviction' | 'grouping' | 'pendingBytes' | 'pendingCalls'
>

function shared(options: MemoryOptions | OpenOptions): Shared {
  const { shards = 'auto', maxMemory, eviction, maxPendingBytes, maxPendingCalls } = options
  return {
    // The engine says which counts it takes; 0 leaves it to it.
    shards: shards === 'auto' ? 0 : integer('shards', shards, 1, 65_535, 0),
    maxMemory: integer('maxMemory', maxMemory, 0, 2 ** 50, 0),
    eviction: evictionOf(eviction),
    grouping: groupingOf(options.groupDepth, options.groupDelimiter),
    pendingBytes: integer('maxPendingBytes', maxPendingBytes, 1, 2 ** 40, 64 << 20),
    pendingCalls: integer('maxPendingCalls', maxPendingCalls, 1, 2 ** 30, 65_536),
  }
}
