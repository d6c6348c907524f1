// Pages in a real browser: no accessibility violations, nothing overflows, nothing breaks the security policy.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { languages, open } from './browser.mjs';
import { walks } from './walks.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const lab = await open();
const failures = [];
let checks = 0;

/** What is wider than its box without being meant to, in the page. */
function overflowing() {
  const meant = (node) => {
    const style = getComputedStyle(node);
    return (
      ['auto', 'scroll'].includes(style.overflowX) || style.textOverflow === 'ellipsis' || style.clipPath !== 'none'
    );
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
  for (const complaint of complaints.splice(0)) failures.push(`${name}: console: ${complaint}`);
}

try {
  const { page, complaints } = await lab.page();
  for (const scene of await lab.scenes(page)) {
    for (const language of languages) {
      await lab.show(page, scene, language);
      for await (const look of lab.looks(page)) await inspect(page, complaints, `${scene} ${language} ${look.name}`);
    }
  }
  for (const [name, walk] of Object.entries(walks)) {
    await lab.show(page, walk.scene, 'en');
    try {
      await walk.steps(page);
      await inspect(page, complaints, name);
    } catch (failure) {
      checks += 1;
      failures.push(`${name}: ${failure instanceof Error ? failure.message : failure}`);
    }
  }
} finally {
  await lab.close();
}

for (const failure of failures) console.error(`✗ ${failure}`);
const failed = new Set(failures.map((failure) => failure.split(':')[0])).size;
console.log(`pages: ${checks - failed} passed, ${failed} failed`);
process.exitCode = failures.length > 0 ? 1 : 0;
