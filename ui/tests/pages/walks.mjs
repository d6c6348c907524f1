// What a person does with the keyboard and the mouse, step by step.
import assert from 'node:assert/strict';

const asked = (page) => page.evaluate(() => window.demo.asked);
const last = async (page) => (await asked(page)).at(-1);

export const walks = {
  'F9 answers, F10 holds and resumes, F11 mutes, F9 hangs up': {
    scene: 'ringing',
    async steps(page) {
      for (const [key, phase] of [
        ['F9', 'talking'],
        ['F10', 'held'],
        ['F10', 'talking'],
      ]) {
        await page.keyboard.press(key);
        await page.waitForSelector(`[data-part=call][data-phase=${phase}]`);
      }
      await page.keyboard.press('F11');
      await page.waitForSelector('[data-do=unmute]');
      // Sooner it would be the second press of Answer.
      const now = await page.evaluate(() => performance.now());
      await page.waitForFunction((since) => performance.now() > since + 1_000, now);
      await page.keyboard.press('F9');
      await page.waitForSelector('[data-part=call]', { state: 'detached' });
      assert.match(await page.textContent('[role=table]'), /Ivan Petrov/);
    },
  },
  'the keypad takes digits by click and by key': {
    scene: 'talking',
    async steps(page) {
      await page.click('[data-do=keypad]');
      await page.click('[data-do="digit-5"]');
      assert.deepEqual(await last(page), ['phone', { do: 'dtmf', call: 1, digits: '5' }]);
      await page.keyboard.press('#');
      assert.deepEqual(await last(page), ['phone', { do: 'dtmf', call: 1, digits: '#' }]);
      await page.keyboard.press('Escape');
      await page.waitForSelector('[data-do="digit-5"]', { state: 'detached' });
    },
  },
  'F8 hands over: by Enter when answered, and F9 takes it back': {
    scene: 'talking',
    async steps(page) {
      await page.keyboard.press('F8');
      await page.keyboard.press('Escape');
      await page.waitForSelector('[data-part=transfer-box]', { state: 'detached' });
      assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-do')), 'hand-over');
      await page.keyboard.press('F8');
      await page.keyboard.type('2-04');
      await page.keyboard.press('Enter');
      await page.waitForSelector('[data-part=transfer][data-step=ringing]');
      assert.deepEqual(await last(page), [
        'phone',
        { do: 'hand-over', call: 1, target: '204', headers: [], ring_s: 20 },
      ]);
      await page.keyboard.press('F9');
      assert.deepEqual(await last(page), ['phone', { do: 'hang-up', call: 2 }]);
    },
  },
  'a double click on the colleague does not take the call back': {
    scene: 'transfer-box',
    async steps(page) {
      await page.fill('[data-part=transfer-target]', '204');
      await page.dblclick('[data-do=hand-over-when-answered]');
      await page.waitForSelector('[data-part=transfer]');
      assert.equal((await last(page))[1].do, 'hand-over');
    },
  },
  'the status menu works by keyboard': {
    scene: 'desk',
    async steps(page) {
      await page.focus('[data-part=status]');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('End');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.waitForSelector('[data-part=status][data-kind=preparing]');
      assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-part')), 'status');
    },
  },
  'a status chosen in a call is the next one, and can be taken back': {
    scene: 'talking',
    async steps(page) {
      await page.click('[data-part=status]');
      await page.click('[data-do="status-break-1"]');
      await page.waitForSelector('[data-part=status][data-next=break]');
      await page.click('[data-do=undo-next]');
      await page.waitForSelector('[data-part=status][data-next=""]');
    },
  },
  'leave and join from the chip': {
    scene: 'desk',
    async steps(page) {
      await page.click('[data-queue=Support]');
      await page.click('[data-do=leave]');
      await page.waitForSelector('[data-queue=Support][data-joined=false]');
      await page.click('[data-queue=Support]');
      await page.click('[data-do=join]');
      await page.waitForSelector('[data-queue=Support][data-joined=true]');
    },
  },
  'the menu of a chip is seen even when the chips do not fit': {
    scene: 'many-queues',
    async steps(page) {
      await page.setViewportSize({ width: 1000, height: 640 });
      await page.focus('[data-queue=Complaints]');
      await page.keyboard.press('Enter');
      const item = page.locator('[data-do=join]');
      await item.waitFor();
      const box = await item.boundingBox();
      const hit = await page.evaluate(
        ({ x, y }) => document.elementFromPoint(x, y)?.closest('[data-do]')?.getAttribute('data-do'),
        { x: box.x + box.width / 2, y: box.y + box.height / 2 },
      );
      assert.equal(hit, 'join');
      await page.keyboard.press('Escape');
    },
  },
  'Enter dials': {
    scene: 'desk',
    async steps(page) {
      await page.fill('[data-part=dial]', '+7 (812) 600-10-10');
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.querySelector('[data-part=dial]').value === '');
      assert.deepEqual(await last(page), ['phone', { do: 'dial', account: '1', target: '+78126001010', headers: [] }]);
    },
  },
  'signing in sends the form once': {
    scene: 'sign-in',
    async steps(page) {
      await page.fill('#password', 'secret');
      await page.click('[data-do=sign-in]');
      await page.waitForFunction(() => window.demo.asked.some(([what]) => what === 'sign-in'));
      const form = { server: 'https://linedesk.example.org', username: 'anna', password: 'secret', takeOver: false };
      assert.deepEqual(await asked(page), [['sign-in', form]]);
    },
  },
  'quitting in a call asks': {
    scene: 'talking',
    async steps(page) {
      await page.click('[data-part=me]');
      await page.click('[data-do=quit]');
      await page.click('[data-do=quit-anyway]');
      assert.deepEqual(await last(page), ['quit', true]);
    },
  },
  'sound is set by the keyboard': {
    scene: 'settings',
    async steps(page) {
      await page.focus('[data-part=ring-volume]');
      await page.keyboard.press('ArrowRight');
      await page.waitForFunction(() => window.demo.asked.at(-1)?.[1]?.settings?.ring_volume === 65);
      await page.focus('[data-part=ring-device][value=monitor]');
      await page.keyboard.press('Space');
      await page.waitForFunction(() => window.demo.asked.at(-1)?.[1]?.settings?.ring.length === 3);
      await page.focus('[data-do=test-level]');
      await page.keyboard.press('Enter');
      await page.waitForSelector('[role=meter][aria-valuenow="72"]');
      await page.click('[data-do=close-sound]');
      assert.deepEqual(await last(page), ['phone', { do: 'stop-test' }]);
    },
  },
  'a call is parked': {
    scene: 'codes',
    async steps(page) {
      await page.click('[data-do=park]');
      assert.deepEqual(await last(page), ['phone', { do: 'blind-transfer', call: 1, target: '700' }]);
      await page.waitForSelector('[data-part=transfer][data-kind=blind]');
    },
  },
  'sound devices are chosen beside the calls': {
    scene: 'desk',
    async steps(page) {
      await page.click('[data-part=me]');
      await page.click('[data-do=sound-devices]');
      await page.selectOption('[data-part=capture]', 'built-in');
      const chosen = { use: 'device', name: 'built-in' };
      await page.waitForFunction(() => window.demo.asked.some(([, command]) => command?.do === 'set-sound'));
      const { settings } = (await last(page))[1];
      assert.deepEqual([settings.capture, settings.ring_volume], [chosen, 60]);
    },
  },
};
