// Writes the licence of every package that ended up in the built files beside them.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

// The innermost package folder of a module's path, or null for our own files.
function packageFolder(id) {
  const path = id.replace(/^\0/, '').split('?')[0]
  const found = path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)
  return found && existsSync(join(found[0], 'package.json')) ? found[0] : null
}

function entry(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each))
  const text = file ? readFileSync(join(folder, file), 'utf8').trim() : ''
  const kind = typeof license === 'string' ? license : (license?.type ?? 'see text')
  return `${name} ${version} (${kind})\n${text}`.trim()
}

export function licences() {
  return {
    name: 'licences',
    generateBundle(_, bundle) {
      const ids = Object.values(bundle).flatMap((chunk) => Object.keys(chunk.modules ?? {}))
      const folders = [...new Set(ids.map(packageFolder).filter(Boolean))]
      const source = folders.map(entry).sort().join(`\n\n${'-'.repeat(78)}\n\n`) + '\n'
      this.emitFile({ type: 'asset', fileName: 'THIRD_PARTY.txt', source })
    },
  }
}
