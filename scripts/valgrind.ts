/**
 * `npm run valgrind`: the tests of skeg-io under valgrind's memcheck: what its unsafe code does with
 * memory that is not there any more, was never there, or holds nothing yet. Needs valgrind and Linux.
 *
 * Exit code 0: no test failed and nothing was found.
 */
import { run } from './lib/process.ts'

/** What a test program ends with in which something was found. */
const FOUND = 99

/** Memory that is still reachable at the end is no leak: test programs end without tidying up. */
const RUNNER = [
  'valgrind',
  '--quiet',
  '--error-exitcode=' + String(FOUND),
  '--leak-check=full',
  '--errors-for-leak-kinds=definite',
  '--show-leak-kinds=definite',
].join(' ')

const version = await run('valgrind', ['--version'], { silent: true })
if (version.code !== 0) {
  console.error('valgrind is not there: install it (apt-get install valgrind)')
  process.exit(1)
}
const host = await run('rustc', ['-vV'], { silent: true })
const target = /^host: (.*)$/m.exec(host.stdout)?.[1] ?? ''
const runner = `CARGO_TARGET_${target.toUpperCase().replaceAll('-', '_')}_RUNNER`
const tests = await run('cargo', ['test', '-p', 'skeg-io', '--lib', '--tests'], {
  env: { [runner]: RUNNER },
})
const passed = tests.code === 0
console.log(`valgrind: ${passed ? 1 : 0} passed, ${passed ? 0 : 1} failed`)
process.exit(passed ? 0 : 1)
