/**
 * Stores vectors in a process of its own, so that whoever searches meanwhile is not held up: takes lines of JSON
 * that name the first id, a number of rows and perhaps how many a second. One with `prepare` has the commands made,
 * so that the next one, which answers with the seconds that it took, only sends them.
 *
 * PORT INDEX FOLDER DIM: rows are those of the folder's base.fbin, over and over, their first DIM numbers.
 */
import { createInterface } from 'node:readline'
import { readSet } from './figures.ts'
import { store, storing } from './ingest.ts'
import { Connection } from './resp.ts'

const [port, index = '', folder = '', width] = process.argv.slice(2)
const dim = Number(width)
const set = readSet(folder)

/** Rows of the set from one on, from its start again behind its end. */
function rowsFrom(first: number, count: number): Float32Array {
  const rows = new Float32Array(count * dim)
  for (let n = 0; n < count; n++) {
    const start = ((first + n) % set.rows) * set.dim
    rows.set(set.base.subarray(start, start + dim), n * dim)
  }
  return rows
}

interface Asked {
  prepare?: number
  first: number
  rows: number
  per_second?: number
}

let commands: Buffer[] = []
const connection = await Connection.open(Number(port))
console.log('{}')
for await (const line of createInterface({ input: process.stdin })) {
  const { prepare, first, rows, per_second } = JSON.parse(line) as Asked
  if (prepare !== undefined) {
    commands = [...storing(index, rowsFrom(first, rows), dim, first)]
    console.log('{}')
    continue
  }
  const start = performance.now()
  await store(connection, commands, per_second)
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1_000 }))
}
connection.close()
