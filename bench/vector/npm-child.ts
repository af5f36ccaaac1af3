/**
 * A peer from npm in a process of its own, as `peers.py` is for those from PyPI.
 *
 *     node --import tsx bench/vector/npm-child.ts PEER [SET CACHE [build]]
 *
 * Says in a line of JSON what building and opening took; each line of standard input, an `Ask`, is answered
 * by one. With `build`, only builds. Without a set, only loads the peer's packages.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { run } from '../../scripts/lib/process.ts'
import { residentBytes } from '../lib/process-figures.ts'
import { bytesOf, cachedMib, filesIn } from './files.ts'
import { percentiles, queriesOf, readAsked, recalls, type Figures } from './figures.ts'
import type { Store } from './store.ts'
import type { Ask } from './subject.ts'

async function store(name: string, cache: string, dim: number): Promise<Store> {
  const [, library, kind = ''] = /^(lancedb|sqlite-vec)-?(.*)$/.exec(name) ?? []
  if (library === 'lancedb') {
    const { Lance } = await import('./lancedb.ts')
    if (kind === 'flat' || kind === 'pq' || kind === 'hnsw') return new Lance(kind, cache, dim)
  } else if (library === 'sqlite-vec') {
    const { SqliteVec } = await import('./sqlite-vec.ts')
    if (kind === '') return new SqliteVec('none', cache, dim)
    if (kind === 'bit' || kind === 'int8') return new SqliteVec(kind, cache, dim)
  }
  throw new Error(`no peer is called ${name}`)
}

const noted = (cache: string): string => `${cache}.json`

async function build(name: string, set: string, cache: string): Promise<void> {
  rmSync(cache, { recursive: true, force: true })
  mkdirSync(cache, { recursive: true })
  const { dim } = readAsked(set)
  const it = await store(name, cache, dim)
  const start = performance.now()
  await it.build(set)
  const figures = {
    build_s: (performance.now() - start) / 1_000,
    peak_mib: process.resourceUsage().maxRSS / 1024,
    disk_mib: bytesOf(filesIn(cache)) / 2 ** 20,
  }
  writeFileSync(noted(cache), JSON.stringify(figures))
}

/** Builds in another process when that was not done before, so that what it leaves behind does not count. */
async function prepared(args: string[]): Promise<Figures> {
  const file = noted(args[2] ?? '')
  if (!existsSync(file)) {
    const [, script = ''] = process.argv
    const again = [...process.execArgv, script, ...args, 'build']
    const { code, output } = await run(process.execPath, again, { silent: true })
    if (code !== 0) throw new Error(output)
  }
  return JSON.parse(readFileSync(file, 'utf8')) as Figures
}

/** Queries by which recall is judged: a scan takes so long that all would take the most of the time. */
const RECALLED = 100
/** Recalls by k and point: they are the same every time. */
const judged = new Map<string, Figures>()

async function measure(
  it: Store,
  set: ReturnType<typeof readAsked>,
  cache: string,
  { k, point, threads, seconds }: Ask,
): Promise<Figures> {
  const queries = queriesOf(set)
  const times: number[] = []
  const search = async (n: number): Promise<number[]> => {
    const asked = performance.now()
    const ids = await it.search(queries[n % queries.length] ?? new Float32Array(), k, point)
    times.push(performance.now() - asked)
    return ids
  }
  const known = `${k} ${point}`
  if (!judged.has(known)) {
    const found: number[][] = []
    for (let n = 0; n < Math.min(queries.length, RECALLED); n++) found.push(await search(n))
    judged.set(known, recalls(found, set.truth, k))
  }
  times.length = 0
  const before = process.cpuUsage()
  const start = performance.now()
  const end = start + seconds * 1_000
  await Promise.all(
    Array.from({ length: threads }, async (_, which) => {
      for (let n = which * 500; performance.now() < end; n++) await search(n)
    }),
  )
  const spent = (performance.now() - start) / 1_000
  const { user, system } = process.cpuUsage(before)
  return {
    ...judged.get(known),
    per_second: times.length / spent,
    per_cpu_second: (times.length * 1e6) / (user + system),
    ...percentiles(times),
    resident_mib: residentBytes(process.pid) / 2 ** 20,
    cached_mib: cachedMib(filesIn(cache)),
  }
}

async function main(args: string[]): Promise<void> {
  const [name = '', folder, cache = '', only] = args
  if (folder === undefined) {
    await store(name, cache, 0)
    return
  }
  if (only === 'build') {
    await build(name, folder, cache)
    return
  }
  const about = await prepared(args)
  const set = readAsked(folder)
  const loaded = performance.now()
  const it = await store(name, cache, set.dim)
  await it.open(set.dim)
  await it.search(set.queries.subarray(0, set.dim), 10, 10)
  console.log(JSON.stringify({ ...about, open_ms: performance.now() - loaded }))
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await measure(it, set, cache, JSON.parse(line) as Ask)))
  }
  await it.close()
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
