import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { poCatalogues } from './build/po-plugin.ts';

// Mode `demo` builds the same interface over an in-memory host, for page tests and screenshots; it goes to a directory
// of its own, so that nothing of it can end up in the program.
export default defineConfig(({ mode }) => ({
  plugins: [poCatalogues(), svelte()],
  clearScreen: false,
  server: { host: '127.0.0.1', fs: { allow: ['..'] } },
  build: {
    target: ['es2022', 'safari16'],
    outDir: mode === 'demo' ? 'dist-demo' : 'dist',
    emptyOutDir: true,
    // Fonts stay files: a data: URL would need a hole in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    rolldownOptions: { input: mode === 'demo' ? 'demo.html' : 'index.html' },
  },
  // Vitest runs components as a browser would.
  resolve: process.env.VITEST ? { conditions: ['browser'] } : {},
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts'],
    setupFiles: ['./tests/setup.ts'],
    restoreMocks: true,
  },
}));
