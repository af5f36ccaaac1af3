/** The vectors that are searched: those of a folder that was given, or glosses of WordNet. */
import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { run } from '../../scripts/lib/process.ts'
import { fromRoot } from '../../scripts/lib/root.ts'
import { readSet, type VectorSet } from './figures.ts'
import { CACHE, python } from './peers.ts'

const ROWS = 100_000
const DIM = 1024
const WORDNET = '/usr/share/wordnet'

async function must(program: string, ...args: string[]): Promise<void> {
  const { code, output } = await run(program, args, { silent: true })
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${output}`)
}

/** The folder of WordNet's files: the system's, or from Debian's package. */
async function wordnet(): Promise<string> {
  if (existsSync(path.join(WORDNET, 'data.noun'))) return WORDNET
  const to = path.join(CACHE, 'wordnet')
  const folder = path.join(to, 'usr', 'share', 'wordnet')
  if (!existsSync(path.join(folder, 'data.noun'))) {
    mkdirSync(to, { recursive: true })
    await must('sh', '-c', `cd '${to}' && apt-get download wordnet-base && dpkg -x *.deb .`)
  }
  return folder
}

/** Rows of a set recombined: as many as wanted, in its first dimensions. Made once. */
export async function recombinedSet(
  rows: number,
  dim: number,
  seed: number,
  given?: string,
): Promise<[VectorSet, string]> {
  const [{ folder: from }] = await vectorSet(given)
  const folder = path.join(CACHE, `${path.basename(from)}-recombined-${rows}-${dim}-${seed}`)
  if (!existsSync(path.join(folder, 'truth.ibin'))) {
    const script = fromRoot('bench', 'graph', 'recombine.py')
    await must(await python(), script, from, folder, `${rows}`, `${dim}`, `${seed}`)
  }
  return [readSet(folder), folder]
}

/** The set in `given`, or the glosses, and of them the first `rows`. Made once. */
export async function vectorSet(given?: string, rows?: number): Promise<[VectorSet, string]> {
  let folder = given ?? path.join(CACHE, `glosses-${ROWS}-${DIM}`)
  let cache = given === undefined ? folder : path.join(CACHE, path.basename(path.resolve(given)))
  if (given === undefined && !existsSync(path.join(folder, 'truth.ibin'))) {
    const script = fromRoot('bench', 'vector', 'glosses.py')
    await must(await python(), script, await wordnet(), folder, `${ROWS}`, `${DIM}`)
  }
  if (rows !== undefined) {
    const to = `${cache}-first-${rows}`
    if (!existsSync(path.join(to, 'truth.ibin'))) {
      const script = fromRoot('bench', 'vector', 'big_ann.py')
      await must(await python(), script, folder, to, `${rows}`)
    }
    folder = to
    cache = to
  }
  mkdirSync(cache, { recursive: true })
  return [readSet(folder), cache]
}
