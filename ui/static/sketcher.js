// Page side of the sketcher: Gradio runs this with (element, props, trigger, watch).
// Python's values go into the frame; a person's drawing comes back as the value and the event 'draw'.
const START_MS = 30000
const MESSAGE_MS = 3000 // a message from another process may come after the `load` event
const root = element.querySelector('.sketcher')
const frame = root.querySelector('iframe')
const note = root.querySelector('.sketcher-note')
const blank = { molfile: '', rxn: '', smiles: '', origin: 'page', n: 0 }
let state = 'loading'
let started = false // the frame's scripts run; a frame of its own process cannot be looked into
let newest = 0 // number of Python's newest value: quick answers may arrive out of order
let waiting = props.value // set once the frame is ready, whoever drew it: the page may be rebuilt

function say(text) {
  note.textContent = text
  note.hidden = !text
}

function send(type, message = {}) {
  frame.contentWindow.postMessage({ target: 'sketcher', type, ...message }, location.origin)
}

function put(value) {
  const { molfile, rxn, smiles, edit } = value ?? blank
  const follows = { edit: edit || undefined } // 0: not known
  if (molfile || rxn || smiles) send('set', { molfile, rxn, smiles, ...follows })
  else send('clear', follows)
}

function fail(reason) {
  if (state !== 'loading') return
  state = root.dataset.state = 'failed'
  console.warn(`sketcher: ${reason}`)
  say('The sketcher could not be loaded. Typing a SMILES or a name in the box still works; reload the page to try again.')
  trigger('failed', { reason })
}

const receive = {
  started() {
    started = true
  },
  ready() {
    state = root.dataset.state = 'ready'
    say('')
    if (waiting && (waiting.molfile || waiting.rxn || waiting.smiles)) put(waiting)
    waiting = null
    trigger('ready')
  },
  change({ molfile, smiles, reaction, edit }) {
    const drawing = {
      molfile: reaction ? '' : molfile,
      rxn: reaction ? molfile : '',
      smiles,
      origin: 'user',
      edit,
      n: (props.value?.n ?? 0) + 1,
    }
    props.value = drawing
    trigger('draw', drawing)
  },
  error({ message }) {
    console.warn(`sketcher: ${message}`)
  },
}

function onMessage(event) {
  if (!element.isConnected) {
    window.removeEventListener('message', onMessage)
    return
  }
  if (event.origin !== location.origin || event.source !== frame.contentWindow) return
  const { source, type } = event.data ?? {}
  if (source === 'sketcher' && Object.hasOwn(receive, type)) receive[type](event.data)
}
window.addEventListener('message', onMessage)

watch('value', () => {
  const value = props.value
  if (value?.origin === 'user') return // the frame's own drawing on its way back
  if (value?.n && value.n < newest) return
  newest = value?.n ?? 0
  if (state === 'ready') put(value)
  else waiting = value
})

root.addEventListener('highlight', (event) => {
  if (state === 'ready') send('highlight', { atoms: event.detail ?? [] })
})

frame.addEventListener('load', () => {
  if (state === 'ready') return
  setTimeout(() => started || fail('its files are missing or did not run'), MESSAGE_MS)
  setTimeout(() => fail('it did not start in time'), START_MS)
})
frame.src = address(props.page)
