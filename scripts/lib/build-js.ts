/**
 * Builds `dist/`: one CommonJS bundle that holds all code and state, and an ES module that only
 * re-exports it. A program that reaches the package both ways therefore gets the same classes (so
 * `instanceof SkegError` holds) and the same stores. The other way round is not possible on Node 20,
 * where a CommonJS caller could not load an ES module without waiting for it.
 */
import { build, type BuildOptions } from 'esbuild'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fromRoot } from './root.ts'

/** Builds `dist/` from `src/`: a few milliseconds, so it is never skipped. */
export async function buildJs(): Promise<void> {
  const shared = {
    entryPoints: [fromRoot('src/index.ts')],
    bundle: true,
    platform: 'node',
    target: 'node20',
  } satisfies BuildOptions
  const { version } = JSON.parse(readFileSync(fromRoot('package.json'), 'utf8')) as {
    version: string
  }
  mkdirSync(fromRoot('dist'), { recursive: true })
  await build({
    ...shared,
    format: 'cjs',
    outfile: fromRoot('dist/index.cjs'),
    sourcemap: true,
    define: { SKEG_VERSION: JSON.stringify(version) },
    logLevel: 'warning',
  })
  const listed = await build({
    ...shared,
    format: 'esm',
    outdir: 'unused',
    write: false,
    metafile: true as const,
  })
  const names = Object.values(listed.metafile.outputs)
    .flatMap((output) => output.exports)
    .sort()
  writeFileSync(
    fromRoot('dist/index.mjs'),
    `import skeg from './index.cjs'\nexport const { ${names.join(', ')} } = skeg\n`,
  )
  copyFileSync(fromRoot('index.d.ts'), fromRoot('dist/index.d.cts'))
}
