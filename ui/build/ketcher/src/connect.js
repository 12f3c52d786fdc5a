// The protocol with the page, and the two rules that keep a drawing safe:
// what the page sets is never reported as a person's edit, and a person's newer edit wins over it.
import {
  capture,
  describe,
  highlight,
  isBlank,
  molfileOf,
  parse,
  show,
  signature,
} from './drawing.js'
import { post } from './post.js'

const QUIET_MS = 180 // after the last edit, before it is reported
const RELEASE_MS = 250 // after the button is released: Ketcher finishes the stroke later than that event

export function connect(ketcher) {
  let edits = 0 // a person's edits so far
  let reported = 0 // number of the edit that was reported last
  let timer = null
  let settingNow = false
  let pressed = false
  let waiting = null // what the page set while the button was down
  let known = '' // signature of the drawing that the page knows

  ketcher.editor.subscribe('change', () => {
    if (settingNow) return
    const struct = capture(ketcher)
    if (edits === 0 && known === '' && isBlank(struct)) return forgetStart()
    edits += 1
    const edit = edits
    clearTimeout(timer)
    timer = setTimeout(() => report(edit, struct), QUIET_MS)
  })

  // Ketcher redraws the empty canvas for its settings; that is no step to undo.
  function forgetStart() {
    const { editor } = ketcher
    if (editor.historySize().undo === 0) return
    editor.clearHistory()
    editor.event.change.dispatch() // its undo button looks again
  }

  async function report(edit, struct, always = false) {
    try {
      const drawing = await describe(ketcher, struct)
      if (edit !== edits) return // a newer edit has its own report
      reported = edit
      const now = signature(drawing.molfile)
      if (now === known && !always) return
      known = now
      post({ type: 'change', ...drawing })
    } catch (error) {
      reported = edit
      known = null
      complain(error)
    }
  }

  function complain(error) {
    post({ type: 'error', message: String(error?.message ?? error) })
  }

  async function set(message) {
    const text = message.rxn || message.molfile || message.smiles || ''
    if (signature(text) === known) {
      waiting = null
      return
    }
    const before = edits
    const struct = await parse(ketcher, text)
    if (pressed) waiting = { struct, before }
    else await apply(struct, before)
  }

  async function apply(struct, before) {
    if (edits !== before || reported !== edits) {
      known = null // the person drew on: their drawing is reported, even if it is the old one
      return
    }
    settingNow = true
    try {
      show(ketcher, struct)
    } finally {
      settingNow = false
    }
    const now = signature(await molfileOf(ketcher, capture(ketcher)))
    if (edits === before) known = now
  }

  // Ketcher tells of a stroke while it is dragged and not when it ends, so what is on the canvas
  // decides: a drawing that the page does not know yet is the person's, and stays.
  async function settle(held) {
    const struct = capture(ketcher)
    if (signature(await molfileOf(ketcher, struct)) === known) return apply(held.struct, held.before)
    edits += 1
    await report(edits, struct, true)
  }

  function release() {
    setTimeout(() => {
      pressed = false
      const held = waiting
      waiting = null
      if (held) settle(held).catch(complain)
    }, RELEASE_MS)
  }

  window.addEventListener('pointerdown', () => (pressed = true), true)
  window.addEventListener('pointerup', release, true)
  window.addEventListener('pointercancel', release, true)

  const answer = {
    set,
    clear: () => set({}),
    get: () => report(edits, capture(ketcher), true),
    highlight: (message) => highlight(ketcher, message.atoms ?? []),
  }
  let queue = Promise.resolve() // one message after the other: two quick sets end with the second
  window.addEventListener('message', (event) => {
    if (event.origin !== window.location.origin || event.source !== window.parent) return
    const { target, type } = event.data ?? {}
    if (target === 'sketcher' && Object.hasOwn(answer, type)) {
      queue = queue.then(() => answer[type](event.data)).catch(complain)
    }
  })
}
