/**
 * The methods of commands against node-redis: the same call with the same arguments, there on a client of a
 * store that is served, here on another that is not. Replies have to be deeply equal, or errors on both sides.
 */
import test, { type ExecutionContext } from 'ava'
import { createClient } from 'redis'
import { open } from 'skeg'
import { specifications } from '../../scripts/generate-commands.ts'
import { parseMethods } from '../../scripts/lib/methods/render.ts'
import { withoutMethod } from '../../scripts/lib/methods/table.ts'
import { methodCases, type MethodCase } from '../fixtures/method-cases.ts'

type Methods = Record<string, (...args: unknown[]) => Promise<unknown>>

/** A reply, or that there is an error, without what is nobody's promise. */
async function outcome(of: object, { method, args, compare }: MethodCase): Promise<unknown> {
  const call = (of as Methods)[method]?.(...args)
  if (compare === 'error')
    return call?.then(
      () => 'a reply',
      () => 'an error',
    )
  let reply = await call
  // node-redis makes objects without a prototype of some replies.
  if (reply !== null && typeof reply === 'object' && !Array.isArray(reply)) reply = { ...reply }
  if (compare === 'unordered') return (reply as unknown[]).map(String).sort()
  if (compare === 'length') return (reply as unknown[]).length
  if (compare === 'type')
    return Array.isArray(reply) ? reply.length : reply === null ? null : typeof reply
  return reply
}

async function compareWith(t: ExecutionContext, RESP: 2 | 3): Promise<void> {
  const ours = await open({ memory: true })
  const served = await open({ memory: true })
  const server = await served.listen({ port: 0 })
  const theirs = createClient({ url: `redis://127.0.0.1:${server.port}`, RESP })
  await theirs.connect()
  for (const each of methodCases) {
    if (each.method === 'set') {
      t.is(await ours.set('s', 'text'), true)
      t.is(await theirs.set('s', 'text'), 'OK')
      continue
    }
    t.true(each.method in theirs, each.method)
    const [here, there] = await Promise.all([outcome(ours, each), outcome(theirs, each)])
    if (each.compare === 'error') t.is(here, 'an error', each.method)
    t.deepEqual(here, there, `${each.method}(${JSON.stringify(each.args)})`)
  }
  theirs.destroy()
  await served.close()
  await ours.close()
}

test('methods reply as those of node-redis, which speaks RESP2', (t) => compareWith(t, 2))

test('methods reply as those of node-redis, which speaks RESP3', (t) => compareWith(t, 3))

test('every method has a case', (t) => {
  const tried = new Set(methodCases.map(({ method }) => method))
  const all = parseMethods(specifications()).map(({ name }) => name)
  // Its reply is bytes that node-redis makes a string of.
  t.deepEqual(
    all.filter((name) => !tried.has(name)),
    ['dump'],
  )
})

test('every command has a method, or a reason to have none', (t) => {
  const methods = new Set(parseMethods(specifications()).map(({ command }) => command.name))
  const reasons = new Set(Object.values(withoutMethod).flat())
  const names = specifications().map(({ name }) => name)
  const containers = names.map((name) => name.split('|')[0] ?? name)
  const missing = names.filter(
    (name, at) => !methods.has(name) && !reasons.has(name) && !reasons.has(containers[at] ?? ''),
  )
  t.deepEqual(
    missing.filter((name) => !name.startsWith('skeg.')),
    [],
  )
})
