/**
 * Rolls the public types of `src/` up into `index.d.ts`, which is checked in: its diff is the diff
 * of the API. With `--check` it only compares, and fails when they differ.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'
import { format } from 'prettier'
import { fromRoot } from './lib/root.ts'

const header =
  '// Generated from src/ by `npm run surface`. Its diff is the diff of the public interface.\n\n'

/** The declarations that users see, as one module. */
export async function surface(): Promise<string> {
  const bundle = await rollup({
    input: fromRoot('src/index.ts'),
    plugins: [
      dts({ tsconfig: fromRoot('tsconfig.json'), compilerOptions: { stripInternal: true } }),
    ],
    external: (id) => id.startsWith('node:'),
  })
  const { output } = await bundle.generate({ format: 'es' })
  await bundle.close()
  const options = { parser: 'typescript', semi: false, singleQuote: true, printWidth: 100 } as const
  return format(header + output[0].code, options)
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
  const file = fromRoot('index.d.ts')
  const wanted = await surface()
  if (!values.check) {
    writeFileSync(file, wanted)
  } else if (readFileSync(file, 'utf8') !== wanted) {
    console.error('index.d.ts differs from src/: run `npm run surface` and look at its diff')
    process.exitCode = 1
  }
}
