/**
 * Builds the web page into dist/, which the app view serves.
 * No inlined assets and no inline code: the page's security policy allows none.
 * Not for a development server against other addresses: run `./dunlin up` and build again.
 */
import { preact } from '@preact/preset-vite';

export default {
  root: import.meta.dirname,
  plugins: [preact({ prefreshEnabled: false, devToolsEnabled: false })],
  build: { outDir: 'dist', emptyOutDir: true, target: 'es2024', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: true },
};
