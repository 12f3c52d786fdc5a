// The protocol with the page, and the rules that decide whose drawing is on the canvas:
// 1. What the page sets is never reported as a person's edit.
// 2. While a pointer is down, what the page sets waits until every pointer is up.
// 3. It is then shown if the page knew the person's newest edit when it sent it, else dropped: the
//    person's drawing stays, and is reported. Edits are numbered, so no clock decides.
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

export function connect(ketcher) {
  const start = Date.now() // edits are numbered from here: a frame loaded anew has higher numbers
  let edits = start // number of the person's newest edit
  let reported = start // the newest edit whose drawing was looked at
  let posted = 0 // the newest edit that the page was told of
  let timer = null
  let settingNow = false
  const pressed = new Set() // pointers that are down
  let waiting = null // what the page set while one was down
  let known = '' // signature of the drawing that the page knows

  ketcher.editor.subscribe('change', () => {
    if (settingNow) return
    const struct = capture(ketcher)
    if (edits === start && known === '' && isBlank(struct)) return forgetStart()
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
      posted = edit
      post({ type: 'change', edit, ...drawing })
    } catch (error) {
      reported = edit
      known = null
      complain(error)
    }
  }

  function complain(error) {
    post({ type: 'error', message: String(error?.message ?? error) })
  }

  async function set({ rxn, molfile, smiles, edit = Infinity }) {
    const text = rxn || molfile || smiles || ''
    if (edit < posted) return // made before the page had seen the drawing it was told of
    if (signature(text) === known) {
      waiting = null
      return
    }
    const before = edits
    const struct = await parse(ketcher, text)
    if (pressed.size) waiting = { struct, before }
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

  // Ketcher ends a stroke in `mouseup`, which the browser sends in the same task as `pointerup`, so
  // in the next task the stroke has been counted as an edit, or there was none.
  function lift({ pointerId }) {
    if (pressed.delete(pointerId)) setTimeout(settle)
  }

  function settle() {
    if (pressed.size || !waiting) return // another stroke has begun, or there is nothing to show
    const { struct, before } = waiting
    waiting = null
    apply(struct, before).catch(complain)
  }

  const listen = (kind, listener) => window.addEventListener(kind, listener, true)
  listen('pointerdown', ({ pointerId }) => pressed.add(pointerId))
  listen('pointerup', lift)
  listen('pointercancel', lift)
  listen('pointermove', (event) => event.buttons === 0 && lift(event)) // released out of sight

  const answer = {
    set,
    clear: ({ edit }) => set({ edit }),
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
