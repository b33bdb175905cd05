// After a build: writes each file in compressed forms beside it, which the frontend hands out as they are, and fails if what
// a browser loads before it shows anything is larger than it may be.
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const FIRST_LOAD_LIMIT_KB = 400
const SMALLEST_BYTES = 1024
const COMPRESSIBLE = /\.(js|css|html|svg|json)$/
const dist = new URL('../dist', import.meta.url).pathname

/** Bytes with gzip, the larger of the two forms, by path below `dist`. */
const sizes = new Map()
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name)
  if (!entry.isFile() || !COMPRESSIBLE.test(file) || file.includes('/.vite/')) continue
  const content = readFileSync(file)
  const zipped = gzipSync(content, { level: 9 })
  sizes.set(file.slice(dist.length + 1), zipped.length)
  if (content.length < SMALLEST_BYTES) continue
  writeFileSync(`${file}.gz`, zipped)
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY }
  writeFileSync(`${file}.br`, brotliCompressSync(content, { params: quality }))
}

/** The files that a chunk needs before it runs. */
const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'))
rmSync(join(dist, '.vite'), { recursive: true })
function needed(key, seen = new Set()) {
  const chunk = manifest[key]
  if (seen.has(chunk.file)) return seen
  seen.add(chunk.file)
  for (const style of chunk.css ?? []) seen.add(style)
  for (const other of chunk.imports ?? []) needed(other, seen)
  return seen
}

/** The first page, and the largest that one can begin with. */
const begin = needed('index.html')
const kb = (files) => [...files].reduce((sum, file) => sum + (sizes.get(file) ?? 0), 0) / 1000
let largest = kb(begin)
for (const [key, chunk] of Object.entries(manifest)) {
  if (!chunk.isDynamicEntry || !key.startsWith('src/pages/')) continue
  const size = kb(new Set([...begin, ...needed(key)]))
  largest = Math.max(largest, size)
}
console.log(`The largest first load is ${largest.toFixed(0)} kB compressed.`)
if (largest > FIRST_LOAD_LIMIT_KB) {
  console.error(
    `A first load is ${largest.toFixed(0)} kB compressed; at most ${FIRST_LOAD_LIMIT_KB} kB are allowed.`,
  )
  process.exit(1)
}
