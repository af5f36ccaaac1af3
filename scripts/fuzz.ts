/**
 * `npm run fuzz -- [WHAT]`: input at random, for as long as wanted. Built with overflow checks and debug assertions.
 *
 *   commands      commands with arguments at random, on keys of every type (crates/skeg-commands/tests/random.rs):
 *                 stores of one shard and of many, asked in RESP2 and in RESP3, in place (as `db.call` does) and
 *                 delegated, have to answer the same and end up the same. The default
 *   segments      files of vectors with other bytes anywhere, checksums right or not
 *                 (crates/skeg-vector/src/segment/tests.rs): refused, or opened and searched
 *
 *   --seconds N   how long, about (default 60)
 *   --hours N     the same in hours
 *   --seed N      the first seed of commands (by default one that depends on the time)
 *   --save        keep the figures in bench/results/
 *
 * Nothing may panic. Exit code 0: nothing was found. A failure names its seed, and
 * `npm run fuzz -- --seconds 1 --seed N` repeats it; of segments it shows the smallest input that fails.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { machine } from '../bench/lib/machine.ts'
import { helpIfAsked } from './lib/help.ts'
import { run } from './lib/process.ts'
import { fromRoot } from './lib/root.ts'

/** What is tried in blocks, each a run of a test. */
interface Target {
  /** What it counts, and how many one block has. */
  cases: string
  blockCases: number
  test: string[]
  /** Tests that have to pass, so that a name that is wrong is noticed. */
  tests: number
  env: (seed: number) => Record<string, string>
}

/** Commands of one run of the test, and how many of them share a seed. */
const BLOCK_COMMANDS = 50_000
const SEED_COMMANDS = 500
/** Files of one block that each of the tests tries. */
const BLOCK_FILES = 5_000
const FILE_TESTS = [
  'any_header_is_refused_or_true',
  'any_bytes_are_refused',
  'any_graph_is_refused_or_walked',
  'forged_sections_are_refused_or_harmless',
]

const TARGETS: Record<string, Target> = {
  commands: {
    cases: 'commands',
    blockCases: BLOCK_COMMANDS,
    test: ['-p', 'skeg-commands', '--test', 'random'],
    tests: 1,
    env: (seed) => ({
      SKEG_RANDOM_SEED: `${seed}`,
      SKEG_RANDOM_COMMANDS: `${BLOCK_COMMANDS}`,
    }),
  },
  segments: {
    cases: 'files',
    blockCases: BLOCK_FILES * FILE_TESTS.length,
    test: ['-p', 'skeg-vector', '--lib', '--', ...FILE_TESTS],
    tests: FILE_TESTS.length,
    env: () => ({ PROPTEST_CASES: `${BLOCK_FILES}` }),
  },
}

/** Runs one block; what the test wrote if it failed. */
async function block(target: Target, seed: number): Promise<string | undefined> {
  const args = ['test', '-q', '--locked', ...target.test]
  const { code, output } = await run('cargo', args, { silent: true, env: target.env(seed) })
  const all = output.includes(` ${target.tests} passed`)
  return code === 0 && all ? undefined : output
}

async function main(): Promise<void> {
  helpIfAsked(import.meta.url)
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '60' },
      hours: { type: 'string' },
      seed: { type: 'string', default: `${Math.floor(Date.now() / 1_000)}` },
      save: { type: 'boolean', default: false },
    },
  })
  const [what = 'commands', ...others] = positionals
  const target = TARGETS[what]
  const seconds = values.hours === undefined ? Number(values.seconds) : Number(values.hours) * 3_600
  const first = Number(values.seed)
  if (!target || others.length > 0 || !(seconds > 0) || !Number.isSafeInteger(first))
    throw new Error('an argument is wrong: see scripts/fuzz.ts')
  const start = performance.now()
  const spent = (): number => Math.round((performance.now() - start) / 1_000)
  let cases = 0
  do {
    const failed = await block(target, first + cases / SEED_COMMANDS)
    if (failed !== undefined) throw new Error(failed)
    cases += target.blockCases
    console.log(
      `fuzz: ${cases.toLocaleString('en')} ${target.cases} in ${spent()} s, nothing found`,
    )
  } while (spent() < seconds)
  if (values.save) {
    const about = machine(`npm run fuzz -- ${process.argv.slice(2).join(' ')}`)
    const name = what === 'commands' ? 'fuzz' : `fuzz-${what}`
    const file = `bench/results/${about.date.slice(0, 10)}-${about.commit}-${name}.json`
    const seeds = what === 'commands' ? { first_seed: first } : {}
    const results = { ...seeds, [target.cases]: cases, seconds: spent(), found: 0 }
    writeFileSync(fromRoot(file), `${JSON.stringify({ machine: about, results }, null, 2)}\n`)
    console.error(`kept in ${file}`)
  }
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
