/**
 * Measures what a call with a string key and a string value costs: `tsx bench/spikes/node-call/measure.ts`.
 * Many short rounds, of which the fastest count: other programs can only make one slower.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'

interface Spike {
  fill(count: number, length: number): void
  nothingGenerated(): void
  nothing(): void
  keyOnly(key: string): void
  valueOnly(): string
  getGenerated(key: string): string | null
  getUtf8(key: string): string
  getAscii(key: string): string
  share(buffer: Buffer): void
  getShared(length: number): number
}

const ROUNDS = 160
const CALLS = 5_000

const target = path.join(tmpdir(), 'skeg-node-call-spike')
execFileSync('cargo', ['build', '--release', '--target-dir', target], {
  cwd: import.meta.dirname,
  stdio: 'inherit',
})
const addon = path.join(target, 'spike.node')
const extension = process.platform === 'darwin' ? 'dylib' : 'so'
copyFileSync(path.join(target, 'release', `libnode_call_spike.${extension}`), addon)
const spike = createRequire(import.meta.url)(addon) as Spike

/** Buffers have these methods on Node 20; its types don't. */
interface FastBuffer extends Buffer {
  latin1Write(text: string, offset: number): number
  latin1Slice(start: number, end: number): string
}

const shared = Buffer.alloc(65_536) as FastBuffer
spike.share(shared)
const cases: Record<string, (key: string) => unknown> = {
  'nothing, generated': () => {
    spike.nothingGenerated()
  },
  'nothing, direct': () => {
    spike.nothing()
  },
  'key only': (key) => {
    spike.keyOnly(key)
  },
  'value only': () => spike.valueOnly(),
  'get, generated': (key) => spike.getGenerated(key),
  'get, direct, UTF-8': (key) => spike.getUtf8(key),
  'get, direct, ASCII': (key) => spike.getAscii(key),
  'get, shared buffer': (key) => {
    const length = spike.getShared(shared.latin1Write(key, 0))
    return shared.latin1Slice(1_024, 1_024 + length)
  },
}

for (const count of [1_000, 100_000]) {
  spike.fill(count, 100)
  const keys = Array.from({ length: count }, (_, n) => `key:${String(n).padStart(12, '0')}`)
  let state = 1
  const picks = Array.from({ length: CALLS * 8 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return keys[state % count] ?? ''
  })
  const nanoseconds: Record<string, number[]> = {}
  for (let round = 0; round < ROUNDS; round++) {
    const from = (round % 8) * CALLS
    for (const [name, call] of Object.entries(cases)) {
      const start = process.hrtime.bigint()
      for (let n = from; n < from + CALLS; n++) call(picks[n] ?? '')
      const took = Number(process.hrtime.bigint() - start) / CALLS
      ;(nanoseconds[name] ??= []).push(took)
    }
  }
  console.log(`${count} keys, nanoseconds a call`)
  for (const [name, all] of Object.entries(nanoseconds)) {
    all.sort((a, b) => a - b)
    const figures = [all[0], all[ROUNDS / 10], all[ROUNDS / 2]].map((ns) => (ns ?? 0).toFixed(0))
    console.log(
      `  ${name.padEnd(20)} best ${figures.join(', p10 ').replace(/, p10 (\d+)$/, ', median $1')}`,
    )
  }
}
