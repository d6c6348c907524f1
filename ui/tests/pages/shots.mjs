// Pictures of every scene in both themes, both languages and both sizes: node tests/pages/shots.mjs DIR [SCENE…]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { languages, open, sizes, themes } from './browser.mjs';

const [into, ...only] = process.argv.slice(2);
if (!into) {
  console.error('shots: say where to: npm run shots -- DIRECTORY [SCENE…]');
  process.exit(2);
}
mkdirSync(into, { recursive: true });
const lab = await open();
try {
  let made = 0;
  for (const size of sizes) {
    const context = await lab.browser.newContext({ viewport: size, reducedMotion: 'reduce' });
    const first = await lab.show(context, 'desk', { theme: 'light', language: 'en' });
    const scenes = only.length > 0 ? only : await first.page.evaluate(() => window.scenes);
    await first.page.close();
    for (const scene of scenes) {
      for (const theme of themes) {
        for (const language of languages) {
          const { page } = await lab.show(context, scene, { theme, language, past: scene === 'talking' });
          await page.screenshot({ path: join(into, `${scene}-${theme}-${language}-${size.name}.png`) });
          made += 1;
          await page.close();
        }
      }
    }
    for (const [name, opener] of [['menu-status', '[data-part=status]'], ['menu-queue', '[data-queue=Support]'], ['menu-user', '[data-part=me]']]) {
      if (only.length > 0) break;
      for (const language of languages) {
        const { page } = await lab.show(context, 'desk', { theme: 'light', language });
        await page.click(opener);
        await page.screenshot({ path: join(into, `${name}-light-${language}-${size.name}.png`) });
        made += 1;
        await page.close();
      }
    }
    await context.close();
  }
  console.log(`${made} pictures in ${into}`);
} finally {
  await lab.close();
}
