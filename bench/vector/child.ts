/** Subjects that run in a process of their own and take a line of JSON for each measurement. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import { fromRoot } from '../../scripts/lib/root.ts'
import type { Figures } from './figures.ts'
import type { Ask, Subject } from './subject.ts'

export class Child {
  readonly #process: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #name: string

  private constructor(name: string, child: ChildProcess, lines: Interface) {
    this.#name = name
    this.#process = child
    this.#lines = lines[Symbol.asyncIterator]()
  }

  /** Starts a program; its first line says what it took to come so far. */
  static async start(name: string, program: string, args: string[]): Promise<[Child, Figures]> {
    const child = spawn(program, args, { cwd: fromRoot(), stdio: ['pipe', 'pipe', 'inherit'] })
    const it = new Child(name, child, createInterface({ input: child.stdout }))
    return [it, await it.#next()]
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  measure(ask: Ask | Figures): Promise<Figures> {
    this.#process.stdin?.write(`${JSON.stringify(ask)}\n`)
    return this.#next()
  }

  async close(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.stdin?.end()
    if (this.#process.exitCode === null) await ended
  }

  async #next(): Promise<Figures> {
    const line = await this.#lines.next()
    if (line.done === true) throw new Error(`${this.#name} ended before it answered`)
    return JSON.parse(line.value) as Figures
  }
}

/** A subject of a child process. */
export async function childSubject(
  subject: Pick<Subject, 'name' | 'unit' | 'points'>,
  program: string,
  args: string[],
): Promise<Subject> {
  const [child, about] = await Child.start(subject.name, program, args)
  return {
    ...subject,
    about,
    measure: (ask) => child.measure(ask),
    close: () => child.close(),
  }
}
