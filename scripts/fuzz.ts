/**
 * `npm run fuzz`: commands at random, with arguments at random, on keys of every type
 * (crates/skeg-commands/tests/random.rs). Stores of one shard and of many, asked in RESP2 and in
 * RESP3, in place (as `db.call` does) and delegated, have to answer the same and end up the same, and
 * nothing may panic. Built with overflow checks and debug assertions.
 *
 *   --seconds N   how long, about (default 60)
 *   --hours N     the same in hours
 *   --seed N      the first seed (by default one that depends on the time)
 *   --save        keep the figures in bench/results/
 *
 * Exit code 0: no difference. A failure names its seed; `npm run fuzz -- --seconds 1 --seed N` repeats it.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { machine } from '../bench/lib/machine.ts'
import { run } from './lib/process.ts'
import { fromRoot } from './lib/root.ts'

/** Commands of one run of the test, and how many of them share a seed. */
const BLOCK_COMMANDS = 50_000
const SEED_COMMANDS = 500

/** Runs one block; what the test wrote if it failed. */
async function block(seed: number): Promise<string | undefined> {
  const args = ['test', '-q', '--locked', '-p', 'skeg-commands', '--test', 'random']
  const env = { SKEG_RANDOM_SEED: `${seed}`, SKEG_RANDOM_COMMANDS: `${BLOCK_COMMANDS}` }
  const { code, output } = await run('cargo', args, { silent: true, env })
  return code === 0 ? undefined : output
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      hours: { type: 'string' },
      seed: { type: 'string', default: `${Math.floor(Date.now() / 1_000)}` },
      save: { type: 'boolean', default: false },
    },
  })
  const seconds = values.hours === undefined ? Number(values.seconds) : Number(values.hours) * 3_600
  const first = Number(values.seed)
  if (!(seconds > 0) || !Number.isSafeInteger(first))
    throw new Error('a number is wrong: see scripts/fuzz.ts')
  const start = performance.now()
  const spent = (): number => Math.round((performance.now() - start) / 1_000)
  let commands = 0
  do {
    const failed = await block(first + commands / SEED_COMMANDS)
    if (failed !== undefined) throw new Error(failed)
    commands += BLOCK_COMMANDS
    console.log(`fuzz: ${commands.toLocaleString('en')} commands in ${spent()} s, no difference`)
  } while (spent() < seconds)
  if (values.save) {
    const about = machine(`npm run fuzz -- ${process.argv.slice(2).join(' ')}`)
    const file = `bench/results/${about.date.slice(0, 10)}-${about.commit}-fuzz.json`
    const results = { first_seed: first, commands, seconds: spent(), differences: 0 }
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
