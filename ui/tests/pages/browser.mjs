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

const sizes = [
  { name: '1280x800', width: 1280, height: 800 },
  { name: '1000x640', width: 1000, height: 640 },
];
/** Of the small window of a ringing call: its size in src-tauri/src/call_window.rs. */
const small = [{ name: '360x164', width: 360, height: 164 }];
const themes = ['light', 'dark'];
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
    /** A page without motion; what it complains about is collected in `complaints`. */
    async page() {
      const context = await browser.newContext({ viewport: sizes[0], reducedMotion: 'reduce' });
      const page = await context.newPage();
      const complaints = [];
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      return { page, complaints };
    },
    /** Shows a scene in the light theme. */
    async show(page, scene, language) {
      const wish = new URLSearchParams({
        scene,
        language,
        theme: 'light',
        ...(scene === 'talking' ? { past: '1' } : {}),
      });
      await page.goto(`http://127.0.0.1:${address.port}/demo.html?${wish}`);
      await page.waitForSelector('#app > *', { state: 'attached', timeout: 10_000 }).catch(() => {
        throw new Error(`the scene ${scene} draws nothing`);
      });
      await page.evaluate(() => document.fonts.ready);
    },
    /** The same page in each size and theme: the theme is one attribute, the size is the window's. */
    async *looks(page) {
      const scene = new URL(page.url()).searchParams.get('scene');
      for (const size of scene?.startsWith('call-window') ? small : sizes) {
        await page.setViewportSize(size);
        for (const theme of themes) {
          await page.evaluate((name) => (document.documentElement.dataset.theme = name), theme);
          yield { size, theme, name: `${theme} ${size.name}` };
        }
      }
    },
    /** Names of all scenes. */
    async scenes(page) {
      await this.show(page, 'desk', 'en');
      return page.evaluate(() => window.scenes);
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}
