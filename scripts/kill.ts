/**
 * `npm run kill`: a process under load is killed with SIGKILL at random moments, again and again on
 * one directory. Every write that was acknowledged must be there afterwards, every counter exact,
 * nothing in part and nothing twice.
 *
 *   --kills N      kills of each kind of process (default 5)
 *   --face FACE    resp (clients of `skeg serve`) or embedded (a Node program); both by default
 *   --json         the figures as JSON
 *   --save         keep them in bench/results/
 *
 * Exit code 0: nothing was lost.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { machine } from '../bench/lib/machine.ts'
import { killAgainAndAgain, type Face, type KillFigures } from './kill/run.ts'
import { buildJs } from './lib/build-js.ts'
import { buildNative } from './lib/build-native.ts'
import { helpIfAsked } from './lib/help.ts'
import { fromRoot } from './lib/root.ts'

const FACES: readonly Face[] = ['resp', 'embedded']

function report({
  face,
  kills,
  killsWhileOpening,
  acknowledged,
  unacknowledged,
  streamed,
}: KillFigures): string {
  return (
    `${face}: ${kills + killsWhileOpening} kills (${killsWhileOpening} while opening), ` +
    `${acknowledged} acknowledged operations, 0 lost; ${unacknowledged} more had made it; ` +
    `${streamed} large values written in pieces`
  )
}

async function main(): Promise<void> {
  helpIfAsked(import.meta.url)
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '5' },
      face: { type: 'string' },
      json: { type: 'boolean', default: false },
      save: { type: 'boolean', default: false },
    },
  })
  const kills = Number(values.kills)
  if (!Number.isInteger(kills) || kills < 1) throw new Error('--kills is a number from 1')
  const faces = FACES.filter((face) => values.face === undefined || values.face === face)
  if (faces.length === 0) throw new Error('--face is resp or embedded')
  await buildNative('quick')
  await buildJs()
  const results: KillFigures[] = []
  for (const face of faces) {
    const folder = mkdtempSync(path.join(tmpdir(), 'skeg-kill-'))
    const progress = (kill: number): void => {
      if (process.stderr.isTTY) process.stderr.write(`\r${face}: ${kill} of ${kills} `)
    }
    // What failed is kept, to be looked at.
    const figures = await killAgainAndAgain(face, path.join(folder, 'data'), kills, progress).catch(
      (cause: unknown) => {
        throw new Error(`${face}, in ${folder}: ${(cause as Error).message}`, { cause })
      },
    )
    rmSync(folder, { recursive: true })
    if (process.stderr.isTTY) process.stderr.write('\r')
    if (!values.json) console.log(report(figures))
    results.push(figures)
  }
  const command = `npm run kill -- ${process.argv.slice(2).join(' ')}`.trim()
  const document = `${JSON.stringify({ machine: machine(command), results }, null, 2)}\n`
  if (values.json) process.stdout.write(document)
  if (values.save) {
    const about = machine(command)
    const file = fromRoot(
      'bench',
      'results',
      `${about.date.slice(0, 10)}-${about.commit}-kill.json`,
    )
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
