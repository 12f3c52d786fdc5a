// Reading Ketcher's canvas as text, and putting a text on it.
import { Pile, prepareStructToRender, SupportedFormat } from 'ketcher-core'

const PATIENCE_MS = 4000
const LETTERS_PX = 40 // an atom's letters may stand out this far beyond its place
const MIN_ZOOM = 0.2 // Ketcher's own

// A copy of what is on the canvas now, without the ghost of a template that follows the mouse:
// Ketcher keeps that ghost among the real atoms, and `getMolfile` would include it.
export function capture(ketcher) {
  const struct = ketcher.editor.struct()
  const real = (items) =>
    new Pile([...items].filter(([, item]) => !item.isPreview).map(([id]) => id))
  return struct.clone(real(struct.atoms), real(struct.bonds))
}

// Ketcher's converter loses one of two requests that wait at the same time, without any answer.
let turn = Promise.resolve()
function inTurn(job) {
  const answer = turn.then(() => Promise.race([job(), silence()]))
  turn = answer.catch(() => {})
  return answer
}

function silence() {
  const error = new Error('The converter gave no answer.')
  return new Promise((_, fail) => setTimeout(() => fail(error), PATIENCE_MS))
}

function write(ketcher, struct, format) {
  const formatter = ketcher.formatterFactory.create(format, ketcher.editor.serverSettings)
  const job = () => formatter.getStringFromStructureAsync(struct)
  return format === SupportedFormat.mol ? job() : inTurn(job) // V2000 needs no converter
}

function hasArrow(struct) {
  return struct.rxnArrows.size > 0 || struct.multitailArrows.size > 0
}

// Groups of relative stereocentres, R-groups and big structures do not fit in V2000.
function needsV3000(struct) {
  const relative = [...struct.frags.values()].some((fragment) => {
    const flag = fragment?.enhancedStereoFlag
    return flag && flag !== 'ABS'
  })
  return relative || struct.rgroups.size > 0 || Math.max(struct.atoms.size, struct.bonds.size) > 999
}

function formatOf(struct) {
  if (hasArrow(struct)) return SupportedFormat.rxn
  return needsV3000(struct) ? SupportedFormat.molV3000 : SupportedFormat.mol
}

export function isBlank(struct) {
  return struct.atoms.size === 0
}

// Empty for a blank canvas; an RXN file when there is an arrow.
export async function molfileOf(ketcher, struct) {
  return isBlank(struct) ? '' : write(ketcher, struct, formatOf(struct))
}

export async function describe(ketcher, struct) {
  const blank = isBlank(struct)
  const molfile = await molfileOf(ketcher, struct)
  const smiles = blank ? '' : await smilesOf(ketcher, struct)
  return { molfile, smiles, reaction: !blank && hasArrow(struct), blank }
}

// Some drawings have a molfile and no SMILES (query atoms, unfinished groups); the molfile counts.
async function smilesOf(ketcher, struct) {
  try {
    const smiles = await write(ketcher, struct, SupportedFormat.smiles)
    return smiles.includes('\n') ? '' : smiles
  } catch {
    return ''
  }
}

// What makes two files the same drawing: all but the header lines, which hold a program and a date.
export function signature(molfile) {
  const lines = molfile.split(/\r?\n/)
  if (lines.length < 4) return molfile // empty, or a SMILES
  const written = molfile.startsWith('$RXN') ? lines.slice(4) : lines.slice(3)
  return written.filter((line) => !/INDIGO|Ketcher/i.test(line)).join('\n')
}

export async function parse(ketcher, text) {
  return text ? inTurn(() => prepareStructToRender(text, ketcher.structService, ketcher)) : null
}

// One step of Ketcher's undo history. An unfinished template or bond is taken off first, else the
// tool would later "undo" it on a drawing that does not have it.
export function show(ketcher, struct) {
  const { editor } = ketcher
  editor.tool()?.cancel?.()
  struct?.rescale()
  editor.struct(struct ?? undefined, false)
  if (!struct) return
  editor.zoom(zoomThatFits(editor, struct))
  editor.event.zoomChanged.dispatch()
  editor.centerStruct()
}

// Ketcher's own fit forgets the letters at the ends of a chain, and never comes back to 100 %.
function zoomThatFits(editor, struct) {
  const { clientWidth, clientHeight } = editor.render.clientArea
  const { min, max } = struct.getCoordBoundingBox()
  const scale = editor.render.options.microModeScale
  const fits = (room, size) => (room - 2 * LETTERS_PX) / Math.max(size * scale, 1)
  const zoom = Math.min(1, fits(clientWidth, max.x - min.x), fits(clientHeight, max.y - min.y))
  return zoom > 0 ? Math.max(MIN_ZOOM, Number(zoom.toFixed(2))) : 1 // a hidden frame has no room
}

export function highlight(ketcher, atoms) {
  const { editor } = ketcher
  const ids = [...editor.struct().atoms].filter(([, atom]) => !atom.isPreview).map(([id]) => id)
  const marked = atoms.map((atom) => ids[atom - 1]).filter((id) => id !== undefined)
  editor.highlights.clear()
  if (marked.length) editor.highlights.create({ atoms: marked, bonds: [], color: '#ffd54f' })
}
