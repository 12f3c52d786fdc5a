import { fileURLToPath } from 'node:url'

import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { nodePolyfills } from 'vite-plugin-node-polyfills'

import { licences } from './licences.js'

// Ketcher's 3D viewer: its button is hidden, and it would bring 1.2 MB and addresses of other hosts.
const nothing = fileURLToPath(new URL('./src/nothing.js', import.meta.url))

// Its part that is loaded on demand (index.modern) stays apart.
const isKetcher = (id) => id.includes('node_modules') && !id.includes('index.modern')

export default defineConfig({
  base: './', // the page decides under which path the frame is served
  plugins: [react(), nodePolyfills(), licences()],
  resolve: { alias: { 'miew-react': nothing, miew: nothing } },
  define: { 'process.env': {} },
  build: {
    commonjsOptions: { transformMixedEsModules: true },
    sourcemap: false,
    chunkSizeWarningLimit: 50000,
    rollupOptions: {
      output: {
        // Ketcher apart from our few files, so that a change of ours changes a small file.
        manualChunks: (id) => (isKetcher(id) ? 'ketcher' : undefined),
      },
    },
  },
  worker: { format: 'es' },
})
