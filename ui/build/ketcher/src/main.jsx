// Mounts Ketcher in this frame and tells the page around it what is drawn.
import { Editor } from 'ketcher-react'
import 'ketcher-react/dist/index.css'
import { StandaloneStructServiceProvider } from 'ketcher-standalone/dist/binaryWasmNoRender'
import { createRoot } from 'react-dom/client'

import { connect } from './connect.js'
import { keepFocusWithThePage } from './focus.js'
import { post } from './post.js'

// Buttons that need a server, other hosts, or a licence text that the page shows elsewhere.
const HIDDEN = ['help', 'about', 'recognize', 'miew', 'fullscreen']
const buttons = Object.fromEntries(HIDDEN.map((name) => [name, { hidden: true }]))

// Without this after the frame's `load` event the page knows that the scripts did not run.
post({ type: 'started' })
window.addEventListener('error', (event) => post({ type: 'error', message: event.message }))
keepFocusWithThePage()
window.open = () => null // some of Ketcher's short-cuts open web sites

function start(ketcher) {
  if (window.ketcher === ketcher) return // Ketcher calls this twice for one editor
  window.ketcher = ketcher
  connect(ketcher)
  ketcher.setSettings({ ignoreChiralFlag: true }) // a wedge means one enantiomer, not a racemate
  post({ type: 'ready' })
}

createRoot(document.getElementById('root')).render(
  <Editor
    staticResourcesUrl="./"
    structServiceProvider={new StandaloneStructServiceProvider()}
    errorHandler={(message) => post({ type: 'error', message: String(message) })}
    onInit={start}
    buttons={buttons}
    disableMacromoleculesEditor={true}
  />,
)
