// Pages in a real browser: no accessibility violations, nothing overflows, nothing breaks the security policy.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { languages, open, sizes, themes } from './browser.mjs';
import { walks } from './walks.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const lab = await open();
const failures = [];
let checks = 0;

/** What is wider than its box without being meant to, in the page. */
function overflowing() {
  const meant = (node) => {
    const style = getComputedStyle(node);
    return ['auto', 'scroll'].includes(style.overflowX) || style.textOverflow === 'ellipsis' || style.clipPath !== 'none';
  };
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth) found.push('the page scrolls sideways');
  for (const node of document.querySelectorAll('body *')) {
    if (!(node instanceof HTMLElement) || node.offsetParent === null || meant(node)) continue;
    if (['INPUT', 'SELECT', 'OPTION', 'CODE'].includes(node.tagName)) continue;
    if (node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== 'inline') {
      found.push(`${node.tagName.toLowerCase()}.${node.className}: ${node.textContent?.trim().slice(0, 60)}`);
    }
  }
  return found;
}

async function inspect(page, complaints, name) {
  checks += 1;
  // Evaluated by the debugger, so the page's policy does not stand in axe's way.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  for (const { id, help, nodes } of violations) {
    failures.push(`${name}: axe ${id}: ${help}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`);
  }
  for (const wide of await page.evaluate(overflowing)) failures.push(`${name}: overflows: ${wide}`);
  for (const complaint of complaints) failures.push(`${name}: console: ${complaint}`);
}

try {
  for (const size of sizes) {
    const context = await lab.browser.newContext({ viewport: size, reducedMotion: 'reduce' });
    const first = await lab.show(context, 'desk', { theme: 'light', language: 'en' });
    const scenes = await first.page.evaluate(() => window.scenes);
    await first.page.close();
    for (const scene of scenes) {
      for (const theme of themes) {
        for (const language of languages) {
          const { page, complaints } = await lab.show(context, scene, { theme, language, past: scene === 'talking' });
          await inspect(page, complaints, `${scene} ${theme} ${language} ${size.name}`);
          await page.close();
        }
      }
    }
    for (const [name, walk] of Object.entries(walks)) {
      checks += 1;
      const { page, complaints } = await lab.show(context, walk.scene, { theme: 'light', language: 'en' });
      try {
        await walk.steps(page);
        await inspect(page, complaints, `${name} ${size.name}`);
      } catch (failure) {
        failures.push(`${name} ${size.name}: ${failure instanceof Error ? failure.message : failure}`);
      }
      await page.close();
    }
    await context.close();
  }
} finally {
  await lab.close();
}

for (const failure of failures) console.error(`✗ ${failure}`);
const failed = new Set(failures.map((failure) => failure.split(':')[0])).size;
console.log(`pages: ${checks - failed} passed, ${failed} failed`);
process.exitCode = failures.length > 0 ? 1 : 0;
