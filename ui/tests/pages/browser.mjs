import { chromium } from 'playwright-core';
import { preview } from 'vite';

/** The policy of the program's window, so that what it forbids fails here too. */
export const CSP = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
].join('; ');

export const sizes = [
  { name: '1280x800', width: 1280, height: 800 },
  { name: '1000x640', width: 1000, height: 640 },
];
export const themes = ['light', 'dark'];
export const languages = ['en', 'ru'];

/** A server for the demo build and a browser; `close` ends both. */
export async function open() {
  const server = await preview({
    mode: 'demo',
    build: { outDir: 'dist-demo' },
    preview: { host: '127.0.0.1', port: 0, headers: { 'Content-Security-Policy': CSP } },
    logLevel: 'error',
  });
  const address = server.httpServer.address();
  if (address === null || typeof address === 'string') throw new Error('the preview server has no port');
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  return {
    browser,
    /** A page that shows the scene; what it complains about is in `complaints`. */
    async show(context, scene, { theme, language, past = false }) {
      const page = await context.newPage();
      const complaints = [];
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      const wish = new URLSearchParams({ scene, theme, language, ...(past ? { past: '1' } : {}) });
      await page.goto(`http://127.0.0.1:${address.port}/demo.html?${wish}`);
      await page.waitForFunction(() => document.querySelector('#app > *') !== null);
      await page.evaluate(() => document.fonts.ready);
      return { page, complaints };
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}
