// Pictures of every scene in both themes, both languages and both sizes: node tests/pages/shots.mjs DIR [SCENE…]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { languages, open } from './browser.mjs';

const opened = {
  'menu-status': { scene: 'desk', clicks: ['[data-part=status]'] },
  'menu-status-in-call': { scene: 'talking', clicks: ['[data-part=status]'] },
  'menu-queue': { scene: 'desk', clicks: ['[data-queue=Support]'] },
  'menu-queue-failed': { scene: 'many-queues', clicks: ['[data-queue=Complaints]'] },
  'menu-user': { scene: 'desk', clicks: ['[data-part=me]'] },
  keypad: { scene: 'talking', clicks: ['[data-do=keypad]', '[data-do="digit-5"]'] },
  'quit-asked': { scene: 'talking', clicks: ['[data-part=me]', '[data-do=quit]'] },
};
const [into, ...only] = process.argv.slice(2);
if (!into) {
  console.error('shots: say where to: npm run shots -- DIRECTORY [SCENE…]');
  process.exit(2);
}
mkdirSync(into, { recursive: true });
const lab = await open();
let made = 0;
try {
  const { page } = await lab.page();
  const shoot = async (name, language) => {
    for await (const { size, theme } of lab.looks(page)) {
      await page.screenshot({ path: join(into, `${name}-${theme}-${language}-${size.name}.png`) });
      made += 1;
    }
  };
  const scenes = await lab.scenes(page);
  for (const language of languages) {
    for (const scene of scenes.filter((name) => only.length === 0 || only.includes(name))) {
      await lab.show(page, scene, language);
      await shoot(scene, language);
    }
    for (const [name, { scene, clicks }] of Object.entries(opened)) {
      if (only.length > 0 && !only.includes(name)) continue;
      for (const [width, height] of [
        [1280, 800],
        [1000, 640],
      ]) {
        // A menu closes when the window changes its size, so each size opens its own.
        await page.setViewportSize({ width, height });
        await lab.show(page, scene, language);
        for (const selector of clicks) await page.click(selector);
        await page.screenshot({ path: join(into, `${name}-light-${language}-${width}x${height}.png`) });
        made += 1;
      }
    }
  }
} finally {
  await lab.close();
}
console.log(`${made} pictures in ${into}`);
