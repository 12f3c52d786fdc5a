// Page side of the 3D viewer: Gradio runs this with (element, props, watch).
const EMPTY = 'A 3D structure appears here.'
const NO_WEBGL = 'This browser cannot draw in 3D (WebGL is off). The facts and the 2D drawing are not affected.'
const NO_LIBRARY = 'The 3D viewer could not be loaded; reload the page to try again.'
const STICKS = { stick: { radius: 0.14 }, sphere: { scale: 0.22 } }
const STEP_DEGREES = 10

const root = element.querySelector('.viewer3d')
const canvas = root.querySelector('.viewer3d-canvas')
const note = root.querySelector('.viewer3d-note')
const reset = root.querySelector('.viewer3d-reset')
let viewer = null
let latest = 0 // a molecule that arrives while the library loads replaces the one before

function say(text) {
  note.textContent = text
  note.hidden = !text
  canvas.hidden = reset.hidden = Boolean(text)
  root.dataset.state = text ? 'message' : 'shown'
}

function library() {
  window.moleculeLibrary3D ??= new Promise((done, failed) => {
    const script = document.createElement('script')
    script.src = address(props.library)
    script.onload = () => done(window.$3Dmol)
    script.onerror = () => {
      window.moleculeLibrary3D = null // the next molecule tries again
      failed(new Error('3Dmol.js did not load'))
    }
    document.head.append(script)
  })
  return window.moleculeLibrary3D
}

function hasWebGL() {
  const context = document.createElement('canvas').getContext('webgl2') ?? document.createElement('canvas').getContext('webgl')
  context?.getExtension('WEBGL_lose_context')?.loseContext() // browsers allow few at a time
  return Boolean(context)
}

function background() {
  return getComputedStyle(root).backgroundColor
}

function paint() {
  const rgb = background().match(/[\d.]+/g)?.map(Number) ?? [255, 255, 255]
  viewer.setBackgroundColor((rgb[0] << 16) | (rgb[1] << 8) | rgb[2], 1)
}

function draw($3Dmol, molblock) {
  viewer ??= $3Dmol.createViewer(canvas, { antialias: true, disableFog: true })
  if (!viewer) throw new Error('no viewer')
  viewer.removeAllModels()
  viewer.addModel(molblock, 'sdf')
  viewer.setStyle({}, STICKS)
  paint()
  viewer.resize()
  viewer.zoomTo()
  viewer.render()
}

async function show(value) {
  const turn = ++latest
  if (!value?.molblock) return say(value?.message || EMPTY)
  if (!hasWebGL()) return say(NO_WEBGL)
  let $3Dmol
  try {
    $3Dmol = await library()
  } catch {
    return turn === latest && say(NO_LIBRARY)
  }
  if (turn !== latest) return
  say('') // the canvas needs its size before anything is drawn on it
  try {
    draw($3Dmol, value.molblock)
  } catch (error) {
    console.warn(`viewer3d: ${error?.message ?? error}`)
    say(NO_WEBGL)
  }
}

const keys = {
  ArrowLeft: () => viewer.rotate(-STEP_DEGREES, 'y'),
  ArrowRight: () => viewer.rotate(STEP_DEGREES, 'y'),
  ArrowUp: () => viewer.rotate(-STEP_DEGREES, 'x'),
  ArrowDown: () => viewer.rotate(STEP_DEGREES, 'x'),
  '+': () => viewer.zoom(1.15),
  '-': () => viewer.zoom(1 / 1.15),
  0: () => restore(),
}

function restore() {
  viewer.setView([0, 0, 0, 0, 0, 0, 0, 1])
  viewer.zoomTo()
  viewer.render()
}

canvas.addEventListener('keydown', (event) => {
  if (!viewer || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return
  event.preventDefault() // else the arrows scroll the page as well
  keys[event.key]()
})
reset.addEventListener('click', () => viewer && restore())
new ResizeObserver(() => {
  if (!viewer || canvas.hidden || !canvas.clientWidth) return
  viewer.resize()
  viewer.render()
}).observe(canvas)
new MutationObserver(() => viewer && (paint(), viewer.render())).observe(document.body, { attributeFilter: ['class'] })

watch('value', () => show(props.value))
show(props.value)
