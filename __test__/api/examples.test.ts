/** The examples of the documentation run: those of the README as they stand, those of the reference
 * with what they take for granted around them. */
import test from 'ava'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { directory } from '../fixtures/stores.ts'
import { runProgram } from '../fixtures/programs.ts'

const read = (file: string): string =>
  readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

/** The TypeScript blocks of a text; examples are written without types, so that they are JavaScript too. */
function blocks(text: string): string[] {
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
}

/** The package under another name than its own, as programs outside of the repository have it. */
const withoutImports = (code: string): string =>
  code.replaceAll(/^import \{(.*)\} from 'skeg'$/gm, 'const {$1} = skeg')

test('the examples of the README', async (t) => {
  const examples = blocks(read('README.md'))
  t.true(examples.length > 0)
  for (const example of examples) {
    const ended = await runProgram(directory(t), withoutImports(example))
    t.deepEqual([ended.code, ended.stderr], [0, ''], example)
    t.regex(ended.stdout, /Ada[\s\S]*doc:1/)
  }
})

test('the examples of the reference', async (t) => {
  const comments = read('index.d.ts').replaceAll(/^ *\* ?/gm, '')
  const examples = blocks(comments)
  t.true(examples.length >= 10, String(examples.length))
  for (const [n, example] of examples.entries()) {
    // A store of its own, unless the example opens one; ports that are taken are not its concern.
    const code = example.replace(/port: 6379/, 'port: 0')
    const opens = /\bopen\(|\bserve\(/.test(code)
    const folder = directory(t)
    writeFileSync(path.join(folder, 'video.mp4'), Buffer.alloc(3 << 20))
    const ended = await runProgram(
      folder,
      `import { createReadStream } from 'node:fs'
       const { open, serve, SkegError } = skeg
       const token = 'token', embedding = [0.5, 0.5], query = [1, 0]
       ${opens ? '' : 'const db = await open({ memory: true })'}
       {
         const docs = ${opens || code.includes('const docs') ? 'undefined' : "await db.index('docs', { dim: 2 })"}
         ${opens ? '' : "await db.index('receipts', { dim: 2 })\nawait db.set('balance', '20')"}
         {
           ${code}
         }
       }
       process.exit(0)`,
    )
    t.deepEqual([ended.code, ended.stderr], [0, ''], `${n}: ${example}`)
  }
})
