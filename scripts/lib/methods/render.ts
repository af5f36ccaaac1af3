/**
 * `src/generated/commands.ts`: the methods of commands, from the table of methods and the specifications in
 * Rust, which have their summaries and tell which of them read.
 */
import { argumentKinds, replyKinds } from './kinds.ts'
import { methods as table } from './table.ts'

/** What a method needs of its command's specification. */
export interface Specified {
  name: string
  summary: string
  complexity: string
  /** All its keys are on one shard. */
  isLocal: boolean
  /** It reads keys that its arguments name, and changes nothing. */
  isRead: boolean
}

interface Parameter {
  name: string
  kind: string
  isOptional: boolean
}

interface Method {
  name: string
  isChange: boolean
  /** Literal words and parameters, as the command has them. */
  words: (string | Parameter)[]
  reply: string
  command: Specified
}

function parse(line: string, commands: Map<string, Specified>): Method {
  const [, name = '', star, rest = '', reply = ''] = /^(\w+)(\*?) +(.*) -> (\S+)$/.exec(line) ?? []
  const words = rest.split(' ').map((word) => {
    if (/^[A-Z_]+$/.test(word)) return word
    const [, parameter = '', optional, kind = parameter] =
      /^(\w+)(\??)(?::(\w+))?$/.exec(word) ?? []
    if (argumentKinds[kind] === undefined) throw new Error(`${name}: no kind \`${kind}\``)
    return { name: parameter, kind, isOptional: optional === '?' }
  })
  const literals = words
    .filter((word) => typeof word === 'string')
    .map((word) => word.toLowerCase())
  const command = commands.get(literals.slice(0, 2).join('|')) ?? commands.get(literals[0] ?? '')
  if (command === undefined) throw new Error(`${name}: no command ${literals.join(' ')}`)
  if (replyKinds[reply] === undefined) throw new Error(`${name}: no kind of reply \`${reply}\``)
  return { name, isChange: star === '*', words, reply, command }
}

/** The methods of the table; those of commands that are there. */
export function parseMethods(commands: readonly Specified[]): Method[] {
  const byName = new Map(commands.map((command) => [command.name, command]))
  return table
    .trim()
    .split('\n')
    .map((line) => parse(line, byName))
}

const parametersOf = ({ words }: Method): Parameter[] => {
  const all = words.filter((word) => typeof word !== 'string')
  return [...all.filter((one) => !one.isOptional), ...all.filter((one) => one.isOptional)]
}

/** The parameters as a declaration has them. Fields of hashes are the rest of the arguments. */
function signature(method: Method): string {
  const declared = parametersOf(method).map(({ name, kind, isOptional }) => {
    const type = argumentKinds[kind]?.type ?? ''
    if (kind === 'fields') return `...${name}: ${type}`
    return `${name}${isOptional ? '?' : ''}: ${type}`
  })
  return declared.join(', ')
}

/** The expression of the words; of what may be left out only those that are given. */
function wordsOf(method: Method): string {
  const words = method.words.map((word) => {
    if (typeof word === 'string') return `'${word}'`
    const expression = (argumentKinds[word.kind]?.words ?? '').replaceAll('$', () => word.name)
    if (!word.isOptional || expression.includes('optionsOf.')) return expression
    const inside = expression.startsWith('...') ? expression.slice(3) : `[${expression}]`
    return `...(${word.name} === undefined ? [] : ${inside})`
  })
  return `[${words.join(', ')}]`
}

function keysOf(method: Method): string {
  const keys = method.words.flatMap((word) => {
    const keys = typeof word === 'string' ? undefined : argumentKinds[word.kind]?.keys
    return keys === undefined ? [] : [keys.replaceAll('$', () => (word as Parameter).name)]
  })
  return `[${keys.join(', ')}]`
}

/** What the documentation shows of the command's words. */
function shown(method: Method): string {
  const words = method.words.map((word) => {
    if (typeof word === 'string') return word
    const plain = word.kind === 'keys' || word.kind === 'list' ? `${word.name} ...` : word.name
    return word.isOptional ? `[${plain}]` : plain
  })
  return words.join(' ')
}

/** `of` and what follows: a method whose promise is what `result` says. */
function describe(method: Method, more = ''): string {
  const { summary, complexity } = method.command
  const cost = complexity === '' ? '' : ` ${complexity}.`
  return `  /** ${summary}: \`${shown(method)}\`.${cost}${more} */\n`
}

/** One method that calls the runner, as strings or bytes. */
function readingMethod(method: Method, asBytes: boolean, run: (mode: string) => string): string {
  const { type, read, onlyBytes } = replyKinds[method.reply] ?? { type: '' }
  const value = asBytes ? 'Buffer' : 'string'
  const result = type.replaceAll(/\bV\b/g, value)
  const hasValue = /\bV\b/.test(type)
  const modes = [
    ...(method.command.isLocal ? ['MODE_LOCAL'] : []),
    ...(asBytes ? ['MODE_BYTES'] : []),
  ]
  const mode = modes.join(' | ') || '0'
  const isGeneric = hasValue && read !== undefined
  const wait = parametersOf(method).find(({ kind }) => kind.startsWith('wait'))
  const converted = read === undefined ? '' : `, replies.${read}${isGeneric ? `<${value}>` : ''}`
  const convert = wait === undefined ? converted : `${converted || ', undefined'}, ${wait.name}`
  const doc =
    asBytes && onlyBytes !== true
      ? `  /** As {@link ${method.name}}, as bytes. */\n`
      : describe(method)
  const name = asBytes ? `${method.name}Buffer` : method.name
  return `${doc}  ${name}(${signature(method)}): Promise<${result}> {
    return ${run(mode)}${convert})
  }
`
}

function twins(method: Method, run: (mode: string) => string): string {
  const { type = '', onlyBytes } = replyKinds[method.reply] ?? {}
  const forms = onlyBytes === true ? [true] : /\bV\b/.test(type) ? [false, true] : [false]
  return forms.map((asBytes) => readingMethod(method, asBytes, run)).join('\n')
}

function changeMethod(method: Method): string {
  return `${describe(method)}  ${method.name}(${signature(method)}): this {
    this.collect(${keysOf(method)}, ${wordsOf(method)})
    return this
  }
`
}

const head = `// Generated by \`npm run generate\` from \`scripts/lib/methods/table.ts\` and the specifications of the commands
// in Rust; do not edit.

`

/** The file of the methods. */
export function methodsFile(commands: readonly Specified[]): string {
  const methods = parseMethods(commands)
  const optionTypes = methods
    .flatMap(({ words }) => words.filter((word) => typeof word !== 'string'))
    .flatMap(({ kind }) => /\w+Options/.exec(argumentKinds[kind]?.type ?? '') ?? [])
  const named = [...new Set(optionTypes)]
    .sort()
    .map((name) => `  ${name},\n`)
    .join('')
  const changes = methods.filter(({ isChange }) => isChange)
  const reads = methods.filter(({ command }) => command.isRead)
  return `${head}import * as args from '../arguments.ts'
import type { BitField, BitFieldOperation, Entries, Fields, WeightedKeys } from '../arguments.ts'
import { MODE_BYTES, MODE_LOCAL } from '../binding.ts'
import type { Bytes } from '../bytes.ts'
import * as optionsOf from '../command-options.ts'
import type {
${named}} from '../command-options.ts'
import * as replies from '../replies.ts'
import type {
  Entry,
  HashStep,
  LcsMatches,
  PoppedElement,
  PoppedMember,
  PoppedMembers,
  Ranked,
  Scored,
  SetStep,
  SortedSetStep,
} from '../replies.ts'

/**
 * Runs a command: \`words\` may throw. Without \`convert\` the reply is what the addon made of it. The options of
 * a command that waits may have a signal.
 */
type Runner = <T>(
  words: () => readonly Bytes[],
  mode: number,
  convert?: (reply: unknown) => T,
  wait?: WaitOptions,
) => Promise<T>

/**
 * The commands of Redis as methods, with the names, arguments, units (seconds!) and replies that node-redis
 * has for them. What replies with values has a twin that returns bytes.
 */
export abstract class Commands {
  readonly #run: Runner

  /** @internal */
  constructor(run: Runner) {
    this.#run = run
  }

${methods.map((method) => twins(method, (mode) => `this.#run(() => ${wordsOf(method)}, ${mode}`)).join('\n')}}

/** The commands that batches and transactions collect. They are made together with the other changes. */
export abstract class ChangeCommands {
  /** @internal */
  abstract collect(keys: readonly Bytes[], words: readonly Bytes[]): void

${changes.map(changeMethod).join('\n')}}

/** The commands of transactions: changes, and reads, which are validated when it commits. */
export abstract class TransactionCommands extends ChangeCommands {
  /** @internal */
  abstract read<T>(
    keys: () => readonly Bytes[],
    words: () => readonly Bytes[],
    mode: number,
    convert?: (reply: unknown) => T,
  ): Promise<T>

${reads.map((method) => twins(method, (mode) => `this.read(() => ${keysOf(method)}, () => ${wordsOf(method)}, ${mode}`)).join('\n')}}
`
}
