// Frame to page: {source: 'sketcher', type: 'ready' | 'change' | 'error', ...}.
export function post(message) {
  if (window.parent === window) return
  window.parent.postMessage({ source: 'sketcher', ...message }, window.location.origin)
}
