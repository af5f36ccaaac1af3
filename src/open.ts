// Opening a store.

import { TARGET_DIRECTORY, TARGET_NAMED, TARGET_PRIVATE } from './binding.ts'
import { KERNEL, MEMORY } from './acknowledgements.ts'
import { Database } from './database.ts'
import { getEnvironment } from './environment.ts'
import { Lane } from './lane.ts'
import {
  boolean,
  checkKeys,
  expected,
  integer,
  level,
  type MemoryOptions,
  type OpenOptions,
} from './options.ts'

const PENDING_KEYS = ['maxPendingBytes', 'maxPendingCalls'] as const
const OPEN_KEYS = ['shards', 'durability', 'readOnly', 'createIfMissing', ...PENDING_KEYS] as const
const MEMORY_KEYS = ['memory', 'name', 'shards', ...PENDING_KEYS] as const

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
  const { kind, name, shards, durability, readOnly, createIfMissing } = request
  const id = environment.binding.open(kind, name, shards, durability, readOnly, createIfMissing)
  if (id === undefined) throw environment.failure()
  const handle = await environment.request(id, (value) => value as number)
  const { pendingBytes, pendingCalls } = request
  return new Database(
    new Lane(environment, handle, { level: durability, pendingBytes, pendingCalls }),
  )
}

interface OpenRequest {
  kind: number
  name: string
  shards: number
  durability: number
  readOnly: number
  createIfMissing: number
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
    readOnly: Number(boolean('readOnly', options.readOnly, false)),
    createIfMissing: Number(boolean('createIfMissing', options.createIfMissing, true)),
    ...shared(options),
  }
}

function inMemory(options: MemoryOptions): OpenRequest {
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
    readOnly: 0,
    createIfMissing: 1,
    ...shared(options),
  }
}

type Shared = Pick<OpenRequest, 'shards' | 'pendingBytes' | 'pendingCalls'>

function shared(options: MemoryOptions | OpenOptions): Shared {
  const { shards = 'auto', maxPendingBytes, maxPendingCalls } = options
  return {
    // The engine says which counts it takes; 0 leaves it to it.
    shards: shards === 'auto' ? 0 : integer('shards', shards, 1, 65_535, 0),
    pendingBytes: integer('maxPendingBytes', maxPendingBytes, 1, 2 ** 40, 64 << 20),
    pendingCalls: integer('maxPendingCalls', maxPendingCalls, 1, 2 ** 30, 65_536),
  }
}
