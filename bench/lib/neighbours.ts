/** Busy neighbours: processes that want every core all the time, as other programs may. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'

/** Runs `work` while one process for each core does nothing but compute. */
export async function besideNeighbours<T>(work: () => Promise<T>): Promise<T> {
  const neighbours = Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  )
  const ended = neighbours.map((neighbour) => once(neighbour, 'exit'))
  try {
    return await work()
  } finally {
    for (const neighbour of neighbours) neighbour.kill('SIGKILL')
    await Promise.all(ended)
  }
}
