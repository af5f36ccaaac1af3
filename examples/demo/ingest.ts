/**
 * The process that is killed: it stores every passage under a key and its embedding in an index,
 * both in one transaction for each batch, says so, and goes on writing until SIGKILL comes.
 */
import { open } from 'skeg'
import { DIM, Frequencies } from './embedding.ts'
import { markdownFiles, passages } from './passages.ts'
import { Progress } from './progress.ts'

const [data = '', folder = ''] = process.argv.slice(2)
const found = markdownFiles(folder).flatMap((file) => passages(folder, file))
const frequencies = new Frequencies()
for (const { heading, text } of found) frequencies.add(`${heading} ${text}`)

const db = await open(data)
const docs = await db.index('docs', { dim: DIM, metric: 'cosine' })
await db.set('frequencies', frequencies.toBytes())
const progress = new Progress('storing passages', found.length)
const BATCH = 100
for (let n = 0; n < found.length; n += BATCH) {
  const batch = found.slice(n, n + BATCH)
  await db.transaction((tx) => {
    const index = tx.index(docs.name)
    for (const { id, heading, text } of batch) {
      const embedding = frequencies.embed(`${heading} ${text}`)
      if (embedding.every((number) => number === 0)) continue
      tx.set(`passage:${id}`, JSON.stringify({ heading, text }))
      index.set(id, embedding)
    }
  })
  progress.update(Math.min(n + BATCH, found.length))
}
await db.flush()
const seconds = progress.finish()
const { vectors } = await docs.info()
process.send?.({ passages: vectors, seconds })
for (let n = 0; ; n++) await db.set('written while being killed', String(n))
