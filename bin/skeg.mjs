#!/usr/bin/env node
// `skeg`: hands over to the native executable of this platform, which does everything. Nothing of
// Node stays behind but a process that passes signals on and returns the exit code.
import { spawn } from 'node:child_process'
import skeg from '../dist/index.cjs'

let executable
try {
  executable = skeg.executablePath()
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

const child = spawn(executable, process.argv.slice(2), { stdio: 'inherit' })
// Ctrl-C, and a service that is stopped, reach both as members of one group; the child takes what comes twice for one.
// At a prompt Ctrl-C ends the line that is being edited: there it is the terminal's, and not passed on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
  })
}
child.on('error', (error) => {
  console.error(`cannot start ${executable}: ${error.message}`)
  process.exit(1)
})
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code ?? 1)
  for (const each of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) process.removeAllListeners(each)
  process.kill(process.pid, signal)
})
