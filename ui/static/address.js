// Where a file of `static/` is, under whatever prefix this page is served.
function address(file) {
  const config = window.gradio_config ?? {}
  const root = new URL(config.root || '.', location.href).pathname.replace(/\/+$/, '')
  return `${root}${config.api_prefix ?? '/gradio_api'}/file=${file}`
}
