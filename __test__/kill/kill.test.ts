/**
 * Five kills of each kind of process; `npm run kill -- --kills 50` does more. What a workload must
 * leave is checked by hand first.
 */
import test from 'ava'
import path from 'node:path'
import {
  countOf,
  entryOf,
  expectedAfter,
  lastOf,
  operationsIn,
  streamedIn,
  streamedOf,
} from '../../scripts/kill/workload.ts'
import { killAgainAndAgain, type Face } from '../../scripts/kill/run.ts'
import { byLevel } from '../fixtures/levels.ts'
import { directory } from '../fixtures/stores.ts'

const KILLS = byLevel(5, 50, 200)
const ENDS = byLevel(2, 10, 40)

test('the operations of a writer give what they must', (t) => {
  t.deepEqual(
    [0, 1, 2, 7, 8].map((n) => countOf('append', n)),
    [0, 1, 1, 2, 2],
  )
  t.deepEqual(
    [5, 6, 11, 12].map((n) => countOf('count', n)),
    [0, 1, 1, 2],
  )
  t.deepEqual(
    [1, 2, 7, 8].map((n) => lastOf('set', n)),
    [0, 2, 2, 8],
  )
  t.is(expectedAfter(8).list, entryOf(1) + entryOf(7))
  t.is(entryOf(7).length, 8)
})

test('a state that is none of the allowed ones is found out', (t) => {
  for (let operations = 0; operations < 30; operations++) {
    t.is(operationsIn(expectedAfter(operations), { acknowledged: 0, sent: 30 }), operations)
  }
  const state = expectedAfter(20)
  const window = { acknowledged: 15, sent: 25 }
  t.throws(() => operationsIn(expectedAfter(14), window), { message: /no state/ }, 'lost')
  t.throws(() => operationsIn(expectedAfter(26), window), { message: /no state/ }, 'never sent')
  t.throws(() => operationsIn({ ...state, count: '4' }, window), { message: /no state/ }, 'twice')
  t.throws(() => operationsIn({ ...state, left: '2' }, window), { message: /no state/ }, 'in part')
  t.throws(
    () => operationsIn({ ...state, vector: null }, window),
    { message: /no state/ },
    'a hole',
  )
})

test('a large value is whole, and the last that was acknowledged or a later one', (t) => {
  const window = { acknowledged: 3, sent: 4 }
  t.is(streamedIn(streamedOf(3), window), 3)
  t.is(streamedIn(streamedOf(4), window), 4)
  t.is(streamedIn(null, { acknowledged: 0, sent: 1 }), 0)
  for (const found of [null, streamedOf(2), streamedOf(5), streamedOf(4).subarray(1)])
    t.throws(() => streamedIn(found, window), { message: /none between 3 and 4/ })
})

for (const face of ['resp', 'embedded'] satisfies Face[]) {
  test(`${face}: nothing acknowledged is lost, every counter is exact`, async (t) => {
    const figures = await killAgainAndAgain(face, path.join(directory(t), 'data'), KILLS)
    t.true(figures.acknowledged > 100 * KILLS, `${figures.acknowledged} operations`)
    t.is(figures.streamed > 0, face === 'embedded', `${figures.streamed} large values`)
  })
}

test('ended by SIGTERM and SIGINT under load, nothing acknowledged is lost', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] satisfies NodeJS.Signals[]) {
    for (const face of ['resp', 'embedded'] satisfies Face[]) {
      const data = path.join(directory(t), 'data')
      const figures = await killAgainAndAgain(face, data, ENDS, undefined, signal)
      t.true(figures.acknowledged > 0, `${face}, ${signal}`)
    }
  }
})
