/**
 * Stores vectors in a process of its own, so that whoever searches meanwhile is not held up: takes lines of JSON
 * that name the first id and a number of rows, and answers each with the seconds that it took.
 *
 * PORT INDEX FOLDER DIM: rows are those of the folder's base.fbin, over and over, their first DIM numbers.
 */
import { createInterface } from 'node:readline'
import { readSet } from './figures.ts'
import { store, storing } from './ingest.ts'
import { Connection } from './resp.ts'

/** Rows that are made commands of before they are sent. */
const PART = 50_000

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

const connection = await Connection.open(Number(port))
console.log('{}')
for await (const line of createInterface({ input: process.stdin })) {
  const { first, rows } = JSON.parse(line) as { first: number; rows: number }
  let seconds = 0
  for (let done = 0; done < rows; done += PART) {
    const some = rowsFrom(first + done, Math.min(PART, rows - done))
    const commands = [...storing(index, some, dim, first + done)]
    const start = performance.now()
    await store(connection, commands)
    seconds += (performance.now() - start) / 1_000
  }
  console.log(JSON.stringify({ seconds }))
}
connection.close()
