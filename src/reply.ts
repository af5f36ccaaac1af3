// Commands as `call` takes them, and what they reply.

import type { Bytes } from './bytes.ts'
import { SkegError } from './errors.ts'
import { checkKeys, signalOf } from './options.ts'

/**
 * What a command replies: integers beyond 2^53 as bigint, maps as objects, an error inside an array
 * as an `Error`.
 */
export type Reply =
  string | number | bigint | boolean | null | Buffer | Error | Reply[] | { [name: string]: Reply }

/** An argument of a command. */
export type CommandArgument = Bytes | number | bigint

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

/** Options of {@link Database.call}: its last argument. */
export interface CommandOptions {
  /** Calls the command off while it waits, as `BLPOP` does: it rejects with `ERR_ABORTED`. */
  signal?: AbortSignal
}

/** What {@link Database.call} takes behind the name of a command. */
export type CallArguments =
  CommandArgument[] | [...words: CommandArgument[], options: CommandOptions]

/** A command given to `call`. */
export interface Call {
  words: Bytes[]
  signal: AbortSignal | undefined
}

/** Whether an argument is options: any other object is a wrong argument, and refused as one. */
function isOptions(value: unknown): value is CommandOptions {
  return typeof value === 'object' && value !== null && 'signal' in value
}

/** Reads what `call` was given. */
export function readCall(command: string, args: CallArguments): Call {
  const last = args.at(-1)
  if (!isOptions(last))
    return { words: callWords(command, args as CommandArgument[]), signal: undefined }
  checkKeys('the options of call', last, ['signal'])
  const signal = signalOf(last.signal)
  return { words: callWords(command, args.slice(0, -1) as CommandArgument[]), signal }
}

function callWords(command: string, args: readonly CommandArgument[]): Bytes[] {
  if (typeof command !== 'string' || command === '') {
    throw new SkegError('ERR_INVALID_ARGUMENT', 'a command has a name')
  }
  const name = command.toUpperCase()
  if (Object.hasOwn(OF_CONNECTIONS, name)) {
    const message = `${name} is about a connection: use ${OF_CONNECTIONS[name] ?? ''}`
    throw new SkegError('ERR_INVALID_ARGUMENT', message)
  }
  const word = (arg: CommandArgument): Bytes =>
    typeof arg === 'number' || typeof arg === 'bigint' ? String(arg) : arg
  return [command, ...args.map(word)]
}
