/** Where and on what a figure was measured. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { root } from '../../scripts/lib/root.ts'

export interface Machine {
  date: string
  commit: string
  /** Uncommitted changes make a figure hard to repeat. */
  clean: boolean
  command: string
  cpu: string
  cores: number
  /** Runnable threads in the minute before: above 0.5 a core, others were at work and only ratios count. */
  load: number
  memoryGib: number
  kernel: string
  node: string
  rustc: string
  /** The vector instructions that kernels choose by. */
  isa: string[]
}

function output(command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, { cwd: root, encoding: 'utf8' }).trim()
  } catch {
    return ''
  }
}

export function machine(command: string): Machine {
  const flags = /^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? ''
  const known = ['avx2', 'fma', 'avx512f', 'avx512_vnni', 'avx512_vpopcntdq']
  return {
    date: new Date().toISOString(),
    commit: output('git', 'rev-parse', '--short=12', 'HEAD'),
    clean: output('git', 'status', '--porcelain', '--', 'crates', 'src', 'bench') === '',
    command,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    load: loadavg()[0] ?? 0,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: output('uname', '-sr'),
    node: process.version,
    rustc: output('rustc', '--version'),
    isa: known.filter((name) => flags.split(' ').includes(name)),
  }
}
