import { tick } from 'svelte';
import CallWindow from './call-window/CallWindow.svelte';
import { DemoHost } from './host/demo';
import { talking } from './host/demo-data';
import { scenes } from './host/demo-scenes';
import { start } from './start';

// `demo.html?scene=ringing&language=ru&theme=dark`
const wish = new URLSearchParams(location.search);
const name = wish.get('scene') ?? 'desk';
const scene = scenes[name];
if (!scene) throw new Error(`no such scene; there are: ${Object.keys(scenes).join(', ')}`);

const host = new DemoHost(scene());
host.saved = {
  language: wish.get('language') ?? 'en',
  theme: wish.get('theme') === 'dark' ? 'dark' : 'light',
  toldAboutTray: true,
};
Object.assign(window, { demo: host, scenes: Object.keys(scenes) });

await (name.startsWith('call-window') ? start(host, CallWindow) : start(host));

// What has no state of its own in the view.
if (name.startsWith('settings')) {
  document.querySelector<HTMLElement>('[data-part=me]')?.click();
  await tick();
  document.querySelector<HTMLElement>('[data-do=sound-devices]')?.click();
}
if (name === 'transfer-box') dispatchEvent(new KeyboardEvent('keydown', { key: 'F8' }));

// Some calls of this session that are over.
if (host.state?.phone && wish.has('past')) {
  const names = ['+74951234567', '+78126001010', '204', '+79215552010'];
  names.forEach((number, at) => {
    const id = 100 + at;
    const past = talking(id, 95_000 * (at + 1), {
      remote_number: number,
      direction: at === 2 ? 'outgoing' : 'incoming',
    });
    const ringing = { ...past, phase: 'ringing', talk_ms: null, answered_at_ms: null };
    const handed = { ...past, transfer: { kind: 'hand-over', to: '204', step: 'done' } };
    host.patch({ phone: { calls: { [id]: [past, ringing, past, handed][at] } } });
    host.patch({ phone: { calls: { [id]: null } } });
  });
}
