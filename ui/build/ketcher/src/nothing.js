// Stands in for parts of Ketcher that are switched off (see `alias` in vite.config.js).
export default null
export const Viewer = null
export const Miew = null
