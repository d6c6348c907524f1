import { cleanup, fireEvent, render } from '@testing-library/svelte';
import { afterEach, describe, expect, it, vi } from 'vitest';
import App from '../../App.svelte';
import type { Command, SoundSettings, View } from '../../generated/contract';
import { DemoHost } from '../../host/demo';
import { signedIn } from '../../host/demo-data';
import { scenes } from '../../host/demo-scenes';
import { settings } from '../../host/demo-sound';
import { PreferenceState } from '../../state/preferences.svelte';

const part = (name: string): HTMLElement => document.querySelector<HTMLElement>(`[data-part=${name}]`) as HTMLElement;
const button = (name: string): HTMLElement => document.querySelector<HTMLElement>(`[data-do=${name}]`) as HTMLElement;
const settle = (): Promise<void> => new Promise((done) => setTimeout(done));

async function show(view: View | undefined): Promise<DemoHost> {
  const host = new DemoHost(view);
  host.saved = { language: 'en', theme: 'light', toldAboutTray: true };
  const preferences = new PreferenceState(host);
  await preferences.load();
  render(App, { props: { host, preferences } });
  await settle();
  await press(part('me'));
  await press(button('sound-devices'));
  return host;
}

const scene = (name: string): Promise<DemoHost> => show(scenes[name]?.());

async function press(element: HTMLElement): Promise<void> {
  await fireEvent.click(element);
  await settle();
}

async function change(name: string, value: string): Promise<void> {
  await fireEvent.change(part(name), { target: { value } });
  await settle();
}

function commands(host: DemoHost): Command[] {
  return host.asked.flatMap(([what, command]) => (what === 'phone' ? [command as Command] : []));
}

function last(host: DemoHost): Command | undefined {
  return commands(host).at(-1);
}

const chosen = (change: Partial<SoundSettings>): Command => ({ do: 'set-sound', settings: { ...settings, ...change } });

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

describe('devices', () => {
  it('are chosen for speaking and for hearing, and all else stays', async () => {
    const host = await show(signedIn());
    await change('capture', 'built-in');
    expect(last(host)).toEqual(chosen({ capture: { use: 'device', name: 'built-in' } }));
    await change('playback', '');
    expect(last(host)).toEqual(chosen({ capture: { use: 'device', name: 'built-in' }, playback: { use: 'system' } }));
  });

  it('that are not connected stay chosen, and it is said what is used instead', async () => {
    await scene('settings-absent');
    const selected = (part('capture') as HTMLSelectElement).selectedOptions[0];
    expect(selected?.textContent).toBe('GN Audio Jabra EVOLVE 20 (not connected)');
    expect(part('capture-note').textContent).toBe('Not connected, using Built-in Audio Analog Stereo');
    expect(part('capture').getAttribute('aria-describedby')).toBe(part('capture-note').id);
    expect(part('ring-note').textContent).toBe('It rings on: Built-in Audio Analog Stereo');
  });

  it('keep their names when they are pulled', async () => {
    const host = await show(signedIn());
    host.patch({ phone: { sound: { devices: [], capture_device: null } } });
    await settle();
    const selected = (part('capture') as HTMLSelectElement).selectedOptions[0];
    expect(selected?.textContent).toBe('Jabra Evolve2 65 (not connected)');
    expect(part('capture-note').textContent).toBe('Not connected, and there is no other');
  });

  it('do not exist: nothing can be tested, and it is said why', async () => {
    const host = await scene('settings-nothing');
    await press(button('test-level'));
    await press(button('test-tone'));
    expect(commands(host)).toEqual([]);
    expect(button('test-level').title).toBe('There is no microphone');
    expect(part('ring-silent').textContent).toContain('no device is chosen that is connected');
  });

  it('for calls that are answered automatically have to be chosen', async () => {
    await scene('settings-listening');
    expect(part('auto-answer-note').textContent).toContain('only into a microphone that you choose here');
    cleanup();
    await show(signedIn());
    expect(part('auto-answer-note')).toBeNull();
  });
});

describe('loudness', () => {
  it('is shown while the slider moves, and told when it is let go', async () => {
    const host = await show(signedIn());
    const slider = part('capture-volume') as HTMLInputElement;
    expect([slider.value, slider.getAttribute('aria-valuetext')]).toEqual(['120', '120%, boosted']);
    await fireEvent.input(slider, { target: { value: '80' } });
    expect(slider.getAttribute('aria-valuetext')).toBe('80%');
    expect(commands(host)).toEqual([]);
    await fireEvent.change(slider);
    await settle();
    expect(last(host)).toEqual(chosen({ volumes: { 'in:jabra': 80 } }));
  });

  it('goes back when the softphone refuses it', async () => {
    const host = await show(signedIn());
    host.answers.phone = { error: { code: 'refused', error: { code: 'bad-argument', message: 'x' } } };
    await fireEvent.input(part('ring-volume'), { target: { value: '100' } });
    await fireEvent.change(part('ring-volume'));
    await settle();
    expect((part('ring-volume') as HTMLInputElement).value).toBe('60');
    expect(part('notice').textContent).toContain('The sound setting was not changed');
  });

  it('of one device does not undo that of another that is still on its way', async () => {
    const host = await show(signedIn());
    // The softphone's state comes later than the second choice.
    host.answers.phone = { ok: { reply: 'done' } };
    for (const [name, value] of [
      ['capture-volume', '150'],
      ['playback-volume', '90'],
    ] as const) {
      void fireEvent.input(part(name), { target: { value } });
      void fireEvent.change(part(name));
    }
    await settle();
    expect(last(host)).toEqual(chosen({ volumes: { 'in:jabra': 150, 'out:jabra': 90 } }));
  });
});

describe('ringing', () => {
  it('goes to several devices', async () => {
    const host = await show(signedIn());
    const boxes = [...document.querySelectorAll<HTMLInputElement>('[data-part=ring-device]')];
    expect(boxes.map(({ value, checked }) => [value, checked])).toEqual([
      ['', true],
      ['jabra', true],
      ['built-in', false],
      ['monitor', false],
    ]);
    await press(boxes[3] as HTMLElement);
    const jabra = { use: 'device', name: 'jabra' } as const;
    const monitor = { use: 'device', name: 'monitor' } as const;
    expect(last(host)).toEqual(chosen({ ring: [jabra, { use: 'system' }, monitor] }));
    await press(boxes[0] as HTMLElement);
    expect(last(host)).toEqual(chosen({ ring: [jabra, monitor] }));
  });

  it('has tones; an own file is told when its path is there', async () => {
    const host = await show(signedIn());
    await change('ring-tone', 'soft');
    expect(last(host)).toEqual(chosen({ ring_tone: { tone: 'soft' } }));
    await change('ring-tone', 'file');
    expect(commands(host)).toHaveLength(1);
    await change('ring-file', ' /music/bell.wav ');
    expect(last(host)).toEqual(chosen({ ring_tone: { tone: 'file', path: '/music/bell.wav' } }));
    await press(button('test-ring'));
    expect(last(host)).toEqual({ do: 'start-test', test: 'ring' });
    await press(button('test-ring'));
    expect(last(host)).toEqual({ do: 'stop-test' });
  });

  it('that nobody would hear is said', async () => {
    const host = await show(signedIn());
    host.patch({ phone: { sound: { settings: { ring_volume: 0 } } } });
    await settle();
    expect(part('ring-silent').textContent).toContain('the loudness is 0');
  });
});

describe('tests', () => {
  it('the level is a meter while it is listened to, and ends with the view', async () => {
    const host = await show(signedIn());
    expect(part('level')).toBeNull();
    await press(button('test-level'));
    expect(last(host)).toEqual({ do: 'start-test', test: 'level' });
    const meter = part('level');
    const values = ['role', 'aria-valuenow', 'aria-valuetext'].map((name) => meter.getAttribute(name));
    expect(values).toEqual(['meter', '72', 'Heard well']);
    // Between two words.
    host.patch({ phone: { level: 3 } });
    await settle();
    expect([meter.getAttribute('aria-valuenow'), meter.getAttribute('aria-valuetext')]).toEqual(['3', 'Heard well']);
    const later = performance.now() + 2_000;
    vi.spyOn(performance, 'now').mockReturnValue(later);
    document.dispatchEvent(new Event('visibilitychange'));
    await settle();
    expect(meter.getAttribute('aria-valuetext')).toBe('Nothing is heard: speak');
    host.patch({ phone: { level: 99 } });
    await settle();
    expect(meter.getAttribute('aria-valuetext')).toBe('Too loud: turn it down');
    await press(button('tab-calls'));
    expect(last(host)).toEqual({ do: 'stop-test' });
  });

  it('record and play says its steps', async () => {
    const host = await show(signedIn());
    await press(button('test-record'));
    expect(last(host)).toEqual({ do: 'start-test', test: 'record-and-play' });
    const steps = (): (string | null | undefined)[] =>
      [...part('record-steps').children].map((step) => step.textContent?.trim());
    expect(steps()).toEqual(['Say something: 5 s', 'then listen']);
    host.patch({ phone: { level: null, sound: { test: { step: 'playing', left_ms: 4_000 } } } });
    await settle();
    expect(steps()).toEqual(['Recorded', 'Listen: 4 s']);
    expect(part('record-steps').querySelector('[aria-current=step]')?.textContent).toContain('Listen');
    expect(part('level')).toBeNull();
  });

  it('a tone plays on each device', async () => {
    const host = await show(signedIn());
    await press(button('test-tone'));
    expect(last(host)).toEqual({ do: 'start-test', test: 'tone' });
    const onMonitor = [...document.querySelectorAll<HTMLElement>('[data-do=tone-on]')].at(-1);
    expect(onMonitor?.getAttribute('aria-label')).toBe('Play a tone on Dell U2722 (HDMI)');
    await press(onMonitor as HTMLElement);
    expect(last(host)).toEqual({ do: 'start-test', test: 'tone', device: 'monitor' });
  });

  it('do not go with a call, but for the level', async () => {
    const host = await scene('settings-in-call');
    for (const name of ['test-record', 'test-tone', 'test-ring']) {
      expect(button(name).getAttribute('aria-disabled')).toBe('true');
      await press(button(name));
    }
    expect(commands(host)).toEqual([]);
    await press(button('test-level'));
    expect(last(host)).toEqual({ do: 'start-test', test: 'level' });
  });

  it('the echo call dials the number of the profile, where there is one', async () => {
    const host = await scene('settings');
    await press(button('echo-call'));
    expect(last(host)).toEqual({ do: 'dial', account: '1', target: '*43', headers: [] });
    cleanup();
    await show(signedIn());
    expect(button('echo-call')).toBeNull();
  });
});

describe('what the administrator set', () => {
  it('counts until the person chooses, and again afterwards', async () => {
    const host = await show(signedIn());
    const words = (name: string): (string | null)[] => [...part(name).children].map(({ textContent }) => textContent);
    expect(words('noise')[0]).toBe('As your administrator set it: off');
    expect(words('echo')[0]).toBe('As your administrator set it: on');
    await change('noise', 'on');
    expect(last(host)).toEqual(chosen({ noise_suppression: true }));
    await change('echo', 'off');
    expect(last(host)).toEqual(chosen({ noise_suppression: true, echo_cancellation: false }));
    await change('noise', '');
    expect(last(host)).toEqual(chosen({ echo_cancellation: false }));
  });
});

describe('the headset', () => {
  it.each([
    ['settings-playing', 'not-allowed', 'udev rule'],
    ['settings-recording', 'in-use', 'Another program holds it'],
  ])('%s: %s, with its remedy', async (name, problem, words) => {
    await scene(name);
    expect(part('headset-problem').dataset['problem']).toBe(problem);
    expect(part('headset-problem').textContent).toContain(words);
  });

  it('shows its own mute, and its buttons can be switched off', async () => {
    const host = await scene('settings-listening');
    expect(part('headset-state').textContent).toContain('Muted');
    await press(part('headset-buttons'));
    expect(last(host)).toMatchObject({ do: 'set-sound', settings: { headset_buttons: false } });
    expect(part('headset-state')).toBeNull();
  });
});

describe('in a call', () => {
  it('beep and reminder', async () => {
    const host = await show(signedIn());
    await press(part('call-waiting'));
    expect(last(host)).toEqual(chosen({ call_waiting_beep: false }));
    await change('hold-reminder', '0');
    expect(last(host)).toEqual(chosen({ call_waiting_beep: false, hold_reminder_s: 0 }));
  });
});
