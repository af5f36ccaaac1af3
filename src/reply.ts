// Commands as `call` takes them, and what they reply.

import type { Bytes } from './bytes.ts'
import { SkegError } from './errors.ts'

/**
 * What a command replies: integers beyond 2^53 as bigint, maps as objects, an error inside an array
 * as an `Error`.
 */
export type Reply =
  string | number | bigint | boolean | null | Buffer | Error | Reply[] | { [name: string]: Reply }

/** Commands whose effect is on a connection, of which there is none, and what to use in their place. */
const OF_CONNECTIONS: Record<string, string> = {
  MULTI: 'transaction() or batch()',
  EXEC: 'transaction() or batch()',
  DISCARD: 'transaction() or batch()',
  WATCH: 'transaction()',
  UNWATCH: 'transaction()',
  SELECT: 'a store of its own',
  CLIENT: 'a client of the server',
  HELLO: 'a client of the server',
  RESET: 'a client of the server',
  QUIT: 'close()',
  SHUTDOWN: 'close()',
  WAITAOF: 'flush(), or the `durability` of a call',
}

/** The words of a command. */
export function callWords(command: string, args: readonly (Bytes | number | bigint)[]): Bytes[] {
  if (typeof command !== 'string' || command === '') {
    throw new SkegError('ERR_INVALID_ARGUMENT', 'a command has a name')
  }
  const name = command.toUpperCase()
  if (Object.hasOwn(OF_CONNECTIONS, name)) {
    const message = `${name} is about a connection: use ${OF_CONNECTIONS[name] ?? ''}`
    throw new SkegError('ERR_INVALID_ARGUMENT', message)
  }
  const word = (arg: Bytes | number | bigint): Bytes =>
    typeof arg === 'number' || typeof arg === 'bigint' ? String(arg) : arg
  return [command, ...args.map(word)]
}
