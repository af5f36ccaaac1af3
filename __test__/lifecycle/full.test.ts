/**
 * A disk that is full, played by a limit on the size of files: what grows is refused, nothing that
 * was acknowledged is lost, and the store goes on.
 */
import test from 'ava'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'skeg'
import { directory } from '../fixtures/stores.ts'
import { writeProgram } from '../fixtures/programs.ts'

test('writes that grow are refused with a code; reads and deletes go on', async (t) => {
  const folder = directory(t)
  const program = writeProgram(
    folder,
    'program.mjs',
    `const db = await skeg.open('data', { durability: 'disk' })
     const value = Buffer.alloc(256 * 1024, 'x')
     let stored = 0
     let code
     try {
       for (; stored < 1000; stored++) await db.set('key:' + stored, value)
     } catch (error) {
       code = error.code + ' ' + error.retryable
     }
     const read = (await db.getBuffer('key:0')).equals(value)
     const refused = await db.exists('key:' + stored)
     const deleted = await db.del('key:0')
     await db.close()
     console.log(JSON.stringify({ stored, code, read, refused, deleted }))`,
  )
  // Without the trap the limit would end the process by a signal.
  const shell = `trap '' XFSZ; ulimit -f 16384; exec "$0" "$1"`
  const child = spawn('bash', ['-c', shell, process.execPath, program], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await once(child, 'close')
  const { stored, ...rest } = JSON.parse(output) as { stored: number }
  t.deepEqual(rest, { code: 'ERR_NO_SPACE true', read: true, refused: false, deleted: 1 } as never)
  t.true(stored > 0)

  const db = await open(`${folder}/data`)
  t.is((await db.stats()).keys, stored - 1)
  t.is((await db.getBuffer(`key:${stored - 1}`))?.length, 256 * 1024)
  await db.set('more', 'space')
  await db.close()
})
