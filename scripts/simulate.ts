/**
 * `npm run simulate`: plays crashes and faults from seeds on the simulated machine (crates/skeg-sim)
 * and keeps the figures.
 *
 *   --seeds N   how many (default 10,000)
 *   --from N    the first (default 1)
 *   --power     power losses only
 *   --snapshots mostly in the middle of snapshots
 *   --vectors   in the middle of making segments of vectors
 *   --backups   in the middle of backups
 *   --memory    while memory is short
 *   --save      keep the figures in bench/results/
 *
 * Exit code 0: every seed passed. For one seed, hours, or to cut a failing seed down:
 * `cargo run --release -p skeg-sim -- --help`.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { machine } from '../bench/lib/machine.ts'
import { helpIfAsked } from './lib/help.ts'
import { run } from './lib/process.ts'
import { fromRoot } from './lib/root.ts'

const themes = ['power', 'snapshots', 'vectors', 'backups', 'memory'] as const

/** What the figures of each theme are called. */
const names = {
  all: 'crashes',
  power: 'power-losses',
  snapshots: 'snapshot-crashes',
  vectors: 'vector-crashes',
  backups: 'backup-crashes',
  memory: 'memory-crashes',
}

async function main(): Promise<void> {
  helpIfAsked(import.meta.url)
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '10000' },
      from: { type: 'string', default: '1' },
      power: { type: 'boolean', default: false },
      snapshots: { type: 'boolean', default: false },
      vectors: { type: 'boolean', default: false },
      backups: { type: 'boolean', default: false },
      memory: { type: 'boolean', default: false },
      save: { type: 'boolean', default: false },
    },
  })
  const seeds = ['--seeds', values.seeds, '--from', values.from]
  const args = ['run', '--release', '--locked', '-p', 'skeg-sim', '--', ...seeds, '--json']
  const chosen = themes.filter((theme) => values[theme])
  if (chosen.length > 1) throw new Error(`one of --${themes.join(', --')}`)
  args.push(...chosen.map((theme) => `--${theme}`))
  const { code, stdout } = await run('cargo', args, { quietStdout: true })
  if (code !== 0) throw new Error('a seed failed')
  const about = machine(`cargo ${args.join(' ')}`)
  const results = JSON.parse(stdout) as object
  const document = `${JSON.stringify({ machine: about, results }, null, 2)}\n`
  process.stdout.write(document)
  if (values.save) {
    const name = names[chosen[0] ?? 'all']
    const day = about.date.slice(0, 10)
    const file = fromRoot('bench', 'results', `${day}-${about.commit}-${name}.json`)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, document)
    console.error(`kept in ${path.relative(fromRoot(), file)}`)
  }
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
