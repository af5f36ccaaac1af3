/**
 * `npm run conformance [-- UNIT...]`: runs units of Redis 7.0.15's own test suite against
 * `skeg serve`, a fresh server for each, and compares what fails with the list of what is known.
 * The unit `redis-py` is the tests of that client, over RESP2 and RESP3; `clients` are Node's.
 *
 *   --server PROGRAM   another server (redis-server checks the runner itself)
 *   --json             one JSON document instead of text
 *   --save             keep the results in bench/results/
 *
 * Exit code 0: everything passed but what `skip.json` names, with a reason each.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { machine } from '../bench/lib/machine.ts'
import { buildNative } from '../scripts/lib/build-native.ts'
import { helpIfAsked } from '../scripts/lib/help.ts'
import { run } from '../scripts/lib/process.ts'
import { fromRoot } from '../scripts/lib/root.ts'
import { CLIENTS, runClients } from './clients.ts'
import { REDIS_PY, runRedisPy } from './redis-py.ts'
import { skipList, type SkipList, type UnitResult } from './result.ts'
import { startServer } from './server.ts'
import { suite } from './suite.ts'

/** The units that skeg has the commands for. */
const UNITS = [
  'unit/type/string',
  'unit/type/incr',
  'unit/bitops',
  'unit/bitfield',
  'unit/type/hash',
  'unit/type/set',
  'unit/type/list',
  'unit/type/list-2',
  'unit/type/list-3',
  'unit/type/zset',
  'unit/sort',
  'unit/expire',
  'unit/keyspace',
  'unit/multi',
  'unit/scan',
  'unit/pubsub',
  'unit/protocol',
  'unit/introspection',
  'unit/introspection-2',
  'unit/info-command',
  'unit/other',
  'unit/quit',
  'unit/querybuf',
  'unit/lazyfree',
  'unit/slowlog',
  'unit/latency-monitor',
  'unit/pause',
  'unit/dump',
]

// Replication and values above 100 MB are outside of what is compared.
const FLAGS = [
  // An unknown command fails its test and not the unit.
  '--durable',
  '--ignore-encoding',
  '--ignore-digest',
  '--tags',
  '-needs:repl -repl -large-memory',
]

function read(unit: string, output: string, code: number): UnitResult {
  const lines = output.split('\n').map((line) => line.replaceAll(/\u001b\[[0-9;]*m/g, ''))
  const tagged = (tag: string): string[] =>
    lines.filter((line) => line.startsWith(`[${tag}]: `)).map((line) => line.slice(tag.length + 4))
  const failed = tagged('err').concat(tagged('exception'))
  const finished = lines.some(
    (line) => line.includes('All tests passed') || line.includes('!!! WARNING'),
  )
  const result: UnitResult = {
    unit,
    passed: tagged('ok').length,
    failed,
    skipped: tagged('skip').length + tagged('ignore').length,
  }
  if (!finished || (code !== 0 && failed.length === 0)) result.broken = lines.slice(-25).join('\n')
  return result
}

async function runUnit(
  program: string,
  folder: string,
  unit: string,
  skip: SkipList,
): Promise<UnitResult> {
  const server = await startServer(program)
  const scratch = mkdtempSync(path.join(tmpdir(), 'skeg-skip-'))
  try {
    const skipFile = path.join(scratch, 'skip')
    writeFileSync(skipFile, Object.keys(skip[unit] ?? {}).join('\n'))
    const result = await run(
      'sh',
      [
        '-c',
        'cd "$0" && exec tclsh tests/test_helper.tcl "$@"',
        folder,
        '--host',
        '127.0.0.1',
        '--port',
        `${server.port}`,
        '--single',
        unit,
        ...FLAGS,
        '--skipfile',
        skipFile,
        '--timeout',
        '300',
      ],
      { silent: true },
    )
    return read(unit, result.output, result.code)
  } finally {
    await server.stop()
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function runAny(program: string, unit: string, skip: SkipList): Promise<UnitResult[]> {
  if (unit === REDIS_PY) return runRedisPy(program, skip[REDIS_PY] ?? {})
  if (unit === CLIENTS) return [await runClients(program)]
  return [await runUnit(program, await suite(), unit, skip)]
}

function report(result: UnitResult): void {
  const { unit, passed, failed, skipped, broken } = result
  console.log(`${unit}: ${passed} ok, ${failed.length} failed, ${skipped} left out`)
  for (const name of failed) console.log(`  failed: ${name}`)
  if (broken !== undefined) console.log(`  the unit did not finish:\n${broken}`)
}

async function main(): Promise<boolean> {
  helpIfAsked(import.meta.url)
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      server: { type: 'string' },
      json: { type: 'boolean' },
      save: { type: 'boolean' },
    },
  })
  if (values.server === undefined) await buildNative('quick')
  const program = values.server ?? fromRoot('native', 'skeg')
  const skip = skipList()
  const results: UnitResult[] = []
  for (const unit of positionals.length > 0 ? positionals : [...UNITS, REDIS_PY, CLIENTS]) {
    const ran = await runAny(program, unit, skip)
    results.push(...ran)
    if (values.json !== true) ran.forEach(report)
  }
  const sum = (of: (result: UnitResult) => number): number => results.reduce((n, r) => n + of(r), 0)
  const failed = sum(
    (r) => r.failed.length + (r.broken !== undefined && r.failed.length === 0 ? 1 : 0),
  )
  if (values.json === true) console.log(JSON.stringify(results, null, 2))
  else console.log(`conformance: ${sum((r) => r.passed)} passed, ${failed} failed`)
  if (values.save === true) {
    const about = machine(`npm run conformance -- ${process.argv.slice(2).join(' ')}`.trim())
    const name =
      positionals.length > 0 ? positionals.map((unit) => path.basename(unit)).join('+') : 'all'
    const file = `${about.date.slice(0, 10)}-${about.commit}-conformance-${name}.json`
    const document = { machine: about, results, skipped: skip }
    writeFileSync(fromRoot('bench', 'results', file), `${JSON.stringify(document, null, 2)}\n`)
    console.error(`kept in bench/results/${file}`)
  }
  return failed === 0
}

try {
  if (!(await main())) process.exitCode = 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
