/** Runs programs, showing their output as it comes and keeping it when it is to be read. */
import { spawn } from 'node:child_process'
import { root } from './root.ts'

export interface RunOptions {
  /** Added to the environment. */
  env?: Record<string, string>
  /** Keep quiet; what was written is in the result. */
  silent?: boolean
  /** Show standard error only: standard output is for a program to read. */
  quietStdout?: boolean
}

export interface RunResult {
  /** Exit code; 128 when a signal ended the program, 127 when it could not be started. */
  code: number
  /** Everything written to standard output. */
  stdout: string
  /** Everything written to standard output and standard error, as it came. */
  output: string
}

/** Runs `command` in the root of the repository and waits for its end. Never rejects. */
export function run(command: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
  const { env, silent = false, quietStdout = silent } = options
  return new Promise((resolve) => {
    const stdout: Buffer[] = []
    const output: Buffer[] = []
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const finish = (code: number): void => {
      resolve({
        code,
        stdout: Buffer.concat(stdout).toString(),
        output: Buffer.concat(output).toString(),
      })
    }
    child.stdout.on('data', (chunk: Buffer) => {
      stdout.push(chunk)
      output.push(chunk)
      if (!quietStdout) process.stdout.write(chunk)
    })
    child.stderr.on('data', (chunk: Buffer) => {
      output.push(chunk)
      if (!silent) process.stderr.write(chunk)
    })
    child.on('error', (error) => {
      output.push(Buffer.from(`${command}: ${error.message}\n`))
      if (!silent) process.stderr.write(`${command}: ${error.message}\n`)
      finish(127)
    })
    child.on('close', (code) => {
      finish(code ?? 128)
    })
  })
}
