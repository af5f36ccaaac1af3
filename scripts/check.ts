/**
 * `npm run check`: everything that can be said about the repository without running it.
 * `--fix` lets the formatters and linters repair what they can first; words after it choose steps.
 */
import { parseArgs } from 'node:util'
import { helpIfAsked } from './lib/help.ts'
import { run } from './lib/process.ts'
import { fromRoot } from './lib/root.ts'

interface Step {
  name: string
  command: string
  args: string[]
  /** Arguments that repair instead of report. */
  fix?: string[]
  env?: Record<string, string>
}

const tool = (file: string): string => fromRoot('node_modules', file)
const node = process.execPath

const steps: Step[] = [
  { name: 'rustfmt', command: 'cargo', args: ['fmt', '--all', '--check'], fix: ['fmt', '--all'] },
  {
    name: 'prettier',
    command: node,
    args: [tool('prettier/bin/prettier.cjs'), '--check', '--log-level=warn', '.'],
    fix: [tool('prettier/bin/prettier.cjs'), '--write', '--log-level=warn', '.'],
  },
  { name: 'tidy', command: node, args: ['--import=tsx', 'scripts/tidy.ts'] },
  {
    name: 'generated',
    command: node,
    args: ['--import=tsx', 'scripts/generate-commands.ts', '--check'],
    fix: ['--import=tsx', 'scripts/generate-commands.ts'],
  },
  { name: 'types', command: node, args: [tool('typescript/bin/tsc'), '--noEmit'] },
  { name: 'surface', command: node, args: ['--import=tsx', 'scripts/surface.ts', '--check'] },
  {
    name: 'eslint',
    command: node,
    args: [tool('eslint/bin/eslint.js'), '.', '--max-warnings=0'],
    fix: [tool('eslint/bin/eslint.js'), '.', '--fix'],
  },
  {
    name: 'typedoc',
    command: node,
    args: [tool('typedoc/bin/typedoc'), '--treatWarningsAsErrors'],
  },
  {
    name: 'clippy',
    command: 'cargo',
    args: ['clippy', '--workspace', '--all-targets', '--locked', '--', '-D', 'warnings'],
  },
  {
    name: 'cargo doc',
    command: 'cargo',
    args: ['doc', '--workspace', '--no-deps', '--locked', '--document-private-items'],
    env: { RUSTDOCFLAGS: '-D warnings' },
  },
]

helpIfAsked(import.meta.url)
const { values, positionals } = parseArgs({
  options: { fix: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const unknown = positionals.filter((name) => !steps.some((step) => step.name === name))
if (unknown.length > 0) {
  console.error(`no step ${unknown.join(', ')}; there are: ${steps.map((s) => s.name).join(', ')}`)
  process.exit(2)
}
const chosen = steps.filter((s) => positionals.length === 0 || positionals.includes(s.name))

const failed: string[] = []
for (const step of chosen) {
  const started = performance.now()
  if (values.fix && step.fix) await run(step.command, step.fix, { silent: true })
  const { code, output } = await run(step.command, step.args, { silent: true, env: step.env ?? {} })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${step.name} (${seconds} s)`)
  if (code !== 0) {
    failed.push(step.name)
    console.log(output.trimEnd())
  }
}
console.log(`check: ${chosen.length - failed.length} passed, ${failed.length} failed`)
if (failed.length > 0) process.exitCode = 1
