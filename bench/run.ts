/**
 * `npm run bench [-- NAME...]`: measures skeg against its peers in the same run on this machine.
 *
 *   --list          what there is
 *   --quick         a tenth of the work and one round: a look, not a figure
 *   --rounds N      rounds of each subject, alternating; the best counts (3)
 *   --json          one JSON document on standard output instead of tables
 *   --save          keep the results in bench/results/
 *
 * and for `vector` and `graph`, which run only when they are named:
 *
 *   --data FOLDER   vectors to search (base.fbin, query.fbin, truth.ibin), all of length 1
 *   --rows N        the first rows of them only; for `graph`: so many recombined ones
 *   --peers A,B     some of the peers
 *
 * NAME is a benchmark or the beginning of some. Exit code 0 when everything ran, whatever the bars.
 */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { buildJs } from '../scripts/lib/build-js.ts'
import { buildNative } from '../scripts/lib/build-native.ts'
import { helpIfAsked } from '../scripts/lib/help.ts'
import { run } from '../scripts/lib/process.ts'
import { fromRoot } from '../scripts/lib/root.ts'
import { judge, type Bench, type Effort, type Row, type Verdict } from './lib/bench.ts'
import { machine } from './lib/machine.ts'
import { table } from './lib/table.ts'

/** A file of `ops/` is one benchmark, or some that differ in little. */
interface BenchModule {
  bench?: Bench
  benches?: Bench[]
}

async function benches(): Promise<Bench[]> {
  const files = readdirSync(fromRoot('bench', 'ops')).filter((file) => file.endsWith('.bench.ts'))
  const modules = await Promise.all(
    files.sort().map(async (file) => (await import(fromRoot('bench', 'ops', file))) as BenchModule),
  )
  return modules.flatMap((module) => module.benches ?? module.bench ?? [])
}

/** Whether the peers that package.json names are there, as of its last change. */
function isInstalled(): boolean {
  const installed = fromRoot('bench', 'node_modules', '.package-lock.json')
  const changed = statSync(fromRoot('bench', 'package.json')).mtimeMs
  return existsSync(installed) && statSync(installed).mtimeMs >= changed
}

async function prepare(): Promise<void> {
  await buildNative('release')
  await buildJs()
  if (!isInstalled()) {
    // Versions are exact in package.json; npm's lockfile leaves out binaries of other platforms.
    const install = ['install', '--no-package-lock', '--prefix', fromRoot('bench')]
    const { code } = await run('npm', install, { quietStdout: true })
    if (code !== 0) throw new Error('the peers could not be installed')
  }
}

function verdict(bar: Verdict): string {
  const whose = bar.subject === undefined ? '' : ` of ${bar.subject}`
  const theirs = bar.peerFigure === undefined ? '' : `'s ${bar.peerFigure}`
  const against = bar.peer === undefined ? '' : ` against ${bar.peer}${theirs}`
  const sign = bar.atMost === true ? 'at most' : 'at least'
  const reached = bar.reached.toLocaleString('en', { maximumFractionDigits: 2 })
  const value = bar.value.toLocaleString('en')
  return `${bar.met ? 'met   ' : 'MISSED'} ${bar.condition} ${bar.figure}${whose}${against}: ${reached}, wanted ${sign} ${value}`
}

async function main(): Promise<void> {
  helpIfAsked(import.meta.url)
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      list: { type: 'boolean' },
      quick: { type: 'boolean' },
      rounds: { type: 'string' },
      json: { type: 'boolean' },
      save: { type: 'boolean' },
      data: { type: 'string' },
      rows: { type: 'string' },
      peers: { type: 'string' },
    },
  })
  const all = await benches()
  if (values.list === true) {
    for (const { name, what } of all) console.log(`${name.padEnd(22)} ${what}`)
    return
  }
  const chosen = all.filter(({ name, onlyNamed }) =>
    positionals.length === 0
      ? onlyNamed !== true
      : positionals.some((given) => name.startsWith(given)),
  )
  if (chosen.length === 0) throw new Error(`no benchmark begins with ${positionals.join(', ')}`)
  await prepare()
  const quick = values.quick === true
  const attached: [extension: string, content: string][] = []
  const effort: Effort = {
    rounds: Number(values.rounds ?? (quick ? 1 : 3)),
    scale: quick ? 0.1 : 1,
    vectors: {
      data: values.data,
      rows: values.rows === undefined ? undefined : Number(values.rows),
      peers: values.peers?.split(','),
    },
    attach: (extension, content) => attached.push([extension, content]),
  }
  // Where data lies on this machine says nothing to others: its name is enough.
  const data = values.data === undefined ? undefined : path.basename(values.data)
  const args = process.argv.slice(2).map((arg) => (arg === values.data ? data : arg))
  const about = machine(`npm run bench -- ${args.join(' ')}`.trim())
  const shown = { ...effort, vectors: { ...effort.vectors, data } }
  const results: { name: string; rows: Row[]; bars: Verdict[] }[] = []
  for (const bench of chosen) {
    if (values.json !== true) console.log(`\n${bench.name}: ${bench.what}`)
    const rows = await bench.run(effort)
    const bars = judge(bench, rows)
    results.push({ name: bench.name, rows, bars })
    if (values.json !== true) {
      console.log(table(rows))
      for (const bar of bars) console.log(verdict(bar))
    }
  }
  const document = `${JSON.stringify({ machine: about, effort: shown, results }, null, 2)}\n`
  if (values.json === true) process.stdout.write(document)
  if (values.save === true) {
    const folder = fromRoot('bench', 'results')
    mkdirSync(folder, { recursive: true })
    const named = chosen.length === all.length ? 'all' : chosen.map(({ name }) => name).join('+')
    // So that one size after the other can be kept.
    const names = values.rows === undefined ? named : `${named}-${values.rows}`
    for (const [extension, content] of [['json', document] as const, ...attached]) {
      const name = `${about.date.slice(0, 10)}-${about.commit}-${names}.${extension}`
      const file = path.join(folder, name)
      writeFileSync(file, content)
      console.error(`kept in ${path.relative(fromRoot(), file)}`)
    }
  }
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
