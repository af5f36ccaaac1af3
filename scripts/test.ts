/**
 * `npm test`: builds what is missing or stale, then runs Rust's tests and the tests of the package.
 * The last line of each part, `<part>: N passed, N failed`, is what `.ci/run` adds up.
 */
import { buildJs } from './lib/build-js.ts'
import { buildNative } from './lib/build-native.ts'
import { run, type RunResult } from './lib/process.ts'
import { fromRoot } from './lib/root.ts'
import { countAva, countCargo, type Count } from './lib/count.ts'

function report(part: string, result: RunResult, counted: Count): boolean {
  // An exit code without a failed test is a failure as well: it did not compile, or it crashed.
  // So is success without any test: the counting has gone wrong.
  const isWrong = result.code !== 0 || counted.passed === 0
  const failed = isWrong ? Math.max(1, counted.failed) : counted.failed
  console.log(`${part}: ${counted.passed} passed, ${failed} failed`)
  return failed === 0
}

/**
 * The models of hand-written synchronisation, under a scheduler that tries interleavings. The feature
 * replaces the primitives for everybody in a build, so only these tests run in it.
 */
function interleavings(): string[] {
  const crates = ['skeg-io', 'skeg-log', 'skeg-engine', 'skeg-server', 'skeg-node']
  // With broken promises, too: the models must notice.
  const broken = ['skeg-log/failpoints', 'skeg-engine/failpoints']
  const features = [...crates.map((name) => `${name}/shuttle`), ...broken].join(',')
  const chosen = crates.flatMap((name) => ['-p', name])
  return ['test', '--locked', '--no-fail-fast', ...chosen, '--features', features, 'shuttle_']
}

async function main(): Promise<boolean> {
  await buildNative('quick')
  await buildJs()
  // Without --no-fail-fast the first failing crate would hide the state of the others.
  const rust = await run('cargo', ['test', '--workspace', '--locked', '--no-fail-fast'])
  const rustPassed = report('cargo', rust, countCargo(rust.output))
  const shuttle = await run('cargo', interleavings())
  const shuttlePassed = report('shuttle', shuttle, countCargo(shuttle.output))
  const node = await run(process.execPath, [fromRoot('node_modules/ava/entrypoints/cli.mjs')])
  return report('ava', node, countAva(node.output)) && rustPassed && shuttlePassed
}

try {
  if (!(await main())) process.exitCode = 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  console.log('build: 0 passed, 1 failed')
  process.exitCode = 1
}
