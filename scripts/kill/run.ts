/** Kills, or ends by another signal, one after the other, on one directory. */
import { setTimeout as sleep } from 'node:timers/promises'
import { check } from './check.ts'
import { loadEmbedded } from './embedded.ts'
import { loadOverResp } from './over-resp.ts'
import { ServerProcess, type Durability } from './server.ts'
import type { Progress } from './workload.ts'

/** Through what the writers reach the store. */
export type Face = 'resp' | 'embedded'

export interface KillFigures {
  face: Face
  kills: number
  /** Kills while the database was being opened. */
  killsWhileOpening: number
  /** Operations that were acknowledged: all of them were there. */
  acknowledged: number
  /** Operations that were there though nobody had been told. */
  unacknowledged: number
  /** Large values that were written in pieces; the last that was acknowledged, or a later one, was there whole. */
  streamed: number
}

const WRITERS = 8
/** Under load, a kill comes at a random moment within so many milliseconds. */
const MOMENT_MS = 250
/** How long the last kill waits at most, in milliseconds, for a large value to be acknowledged: others are not checked. */
const LARGE_MS = 10_000

/** Kills a process that opens the database, perhaps in the middle of it. */
async function killWhileOpening(data: string, durability: Durability): Promise<void> {
  const server = new ServerProcess(data, durability)
  await Promise.race([server.ready, sleep(Math.random() * 12)])
  await server.end('SIGKILL')
}

/** Loads and kills so many times; throws at the first thing that is not as it must be. */
export async function killAgainAndAgain(
  face: Face,
  data: string,
  kills: number,
  progress: (kill: number) => void = () => undefined,
  signal: NodeJS.Signals = 'SIGKILL',
): Promise<KillFigures> {
  const writers: Progress[] = Array.from({ length: WRITERS }, () => ({ sent: 0, acknowledged: 0 }))
  // A network client cannot write in pieces.
  const streamed: Progress = { sent: 0, acknowledged: 0 }
  const counts = { acknowledged: 0, unacknowledged: 0, streamed: 0 }
  const figures = { face, kills, killsWhileOpening: 0, ...counts }
  const load = face === 'resp' ? loadOverResp : loadEmbedded
  for (let kill = 0; kill < kills; kill++) {
    const durability = kill % 3 === 2 ? 'disk' : 'kernel'
    const before = writers.map(({ acknowledged }) => acknowledged)
    const waits = face === 'embedded' && kill === kills - 1
    const moment = async (): Promise<void> => {
      await sleep(Math.random() * MOMENT_MS)
      const until = Date.now() + LARGE_MS
      while (waits && streamed.acknowledged === 0 && Date.now() < until) await sleep(5)
    }
    await load({ data, durability, writers, streamed, moment, signal })
    if (kill % 4 === 1) {
      await killWhileOpening(data, durability)
      figures.killsWhileOpening++
    }
    const checked = await check(data, durability, writers, before, streamed)
    figures.acknowledged += checked.acknowledged
    figures.unacknowledged += checked.unacknowledged
    figures.streamed = checked.streamed
    progress(kill + 1)
  }
  return figures
}
