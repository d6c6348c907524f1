import { cleanup, fireEvent, render } from '@testing-library/svelte';
import { afterEach, describe, expect, it, vi } from 'vitest';
import App from '../App.svelte';
import type { Call, Transfer, View } from '../generated/contract';
import { DemoHost } from '../host/demo';
import { call, info, signedIn, talking, withCalls } from '../host/demo-data';
import { scenes } from '../host/demo-scenes';
import { PreferenceState } from '../state/preferences.svelte';

const part = (name: string): HTMLElement => document.querySelector<HTMLElement>(name) as HTMLElement;
const settle = (): Promise<void> => new Promise((done) => setTimeout(done));
const press = (key: string, on: Element | Window = window): Promise<unknown> => fireEvent.keyDown(on, { key });
const click = async (name: string): Promise<void> => {
  await fireEvent.click(part(name));
  await settle();
};
const card = (id: number): HTMLElement => part(`[data-part=call][data-call="${id}"]`);
const told = (): string | undefined => part('[data-part=transfer-announcement]').textContent?.trim();

async function show(view: View | undefined): Promise<DemoHost> {
  const host = new DemoHost(view);
  host.saved = { language: 'en', theme: 'light', toldAboutTray: true };
  const preferences = new PreferenceState(host);
  await preferences.load();
  render(App, { props: { host, preferences } });
  await settle();
  return host;
}

const scene = (name: string): Promise<DemoHost> => show(scenes[name]?.());
const inTalk = (change: Partial<Call> = {}): View => withCalls(signedIn(), [talking(1, 5_000, change)], [info()]);
const failed = (failure: Transfer['failure'], change: Partial<Transfer> = {}): Partial<Call> => ({
  transfer: { kind: 'hand-over', to: '204', step: 'failed', ...(failure && { failure }), ...change },
});

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

describe('the box for the number', () => {
  it('opens and closes by F8, and by Escape, with the keyboard in it and back at its button', async () => {
    await show(inTalk());
    await press('F8');
    expect(document.activeElement).toBe(part('[data-part=transfer-target]'));
    await press('F8');
    expect(part('[data-part=transfer-box]')).toBeNull();
    await click('[data-do=hand-over]');
    await press('Escape', part('[data-part=transfer-target]'));
    expect(part('[data-part=transfer-box]')).toBeNull();
    expect(document.activeElement).toBe(part('[data-do=hand-over]'));
  });

  it.each([
    ['hand-over-when-answered', { do: 'hand-over', call: 1, target: '+78126001010', headers: [], ring_s: 20 }],
    ['consult', { do: 'consult', call: 1, target: '+78126001010', headers: [] }],
    ['blind-transfer', { do: 'blind-transfer', call: 1, target: '+78126001010' }],
  ])('%s', async (button, command) => {
    const host = await show(inTalk());
    await press('F8');
    expect(part(`[data-do=${button}]`).getAttribute('aria-disabled')).toBe('true');
    await fireEvent.input(part('[data-part=transfer-target]'), { target: { value: '+7 (812) 600-10-10' } });
    await click(`[data-do=${button}]`);
    expect(host.asked.at(-1)).toEqual(['phone', command]);
    expect(part('[data-part=transfer-box]')).toBeNull();
    expect(part('[data-do=hand-over]')).toBeNull();
  });

  it('stays open with its number when the softphone refuses it', async () => {
    const host = await show(inTalk());
    host.answers.phone = { error: { code: 'refused', error: { code: 'bad-argument', message: 'x' } } };
    await press('F8');
    await fireEvent.input(part('[data-part=transfer-target]'), { target: { value: 'abc' } });
    await fireEvent.submit(part('[data-part=transfer-box]'));
    await settle();
    expect(part('[data-part=notice]').textContent).toContain('This is not a number');
    expect(part('[data-part=transfer-target]')).toHaveProperty('value', 'abc');
  });

  it('has one filled button in the card, also when the call is held', async () => {
    await show(inTalk({ phase: 'held', hold_ms: 100 }));
    await press('F8');
    expect([...card(1).querySelectorAll('.go')].map((button) => button.getAttribute('data-do'))).toEqual([
      'hand-over-when-answered',
    ]);
  });

  it('needs a registration to call somebody, but not to let the other side call them', async () => {
    const host = await show(inTalk());
    host.patch({ phone: { registrations: { 1: { state: 'failed' } } } });
    await press('F8');
    await fireEvent.input(part('[data-part=transfer-target]'), { target: { value: '204' } });
    const disabled = ['hand-over-when-answered', 'consult', 'blind-transfer'].map((name) =>
      part(`[data-do=${name}]`).getAttribute('aria-disabled'),
    );
    expect(disabled).toEqual(['true', 'true', 'false']);
  });
});

describe('a transfer under way', () => {
  it('when answered: one card, what happens, and the way back', async () => {
    const host = await scene('handing-over');
    expect(document.querySelectorAll('[data-part=call]')).toHaveLength(1);
    expect(part('[data-part=transfer]').textContent).toContain('Handing over to 204 · ringing there');
    expect(told()).toBe('Handing over to 204, ringing there');
    await click('[data-do=take-back]');
    expect(host.asked.at(-1)).toEqual(['phone', { do: 'cancel-transfer', call: 1 }]);
    expect(part('[data-part=transfer-failed]')).toBeNull();
    expect(part('[data-do=hand-over]')).not.toBeNull();
  });

  it('asking first, it rings there: F8 waits no longer', async () => {
    const host = await scene('asking-first');
    expect(part('[data-part=transfer]').textContent).toContain('Asking 204 first');
    expect(part('[data-part=about]').textContent).toBe('About Ivan Petrov');
    expect(card(2).querySelector('[data-do=hand-over]')).toBeNull();
    expect(part('[data-do=complete]').textContent).toContain('Hand over when answered');
    expect(part('[data-do=conference]').getAttribute('aria-disabled')).toBe('true');
    await press('F8');
    await settle();
    expect(host.asked.at(-1)).toEqual(['phone', { do: 'complete-transfer', call: 1 }]);
    expect(part('[data-part=transfer]').textContent).toContain('Handing over to 204');
    expect(card(2)).toBeNull();
  });

  it('on the line: joined, conferred with, or taken back', async () => {
    const host = await scene('consulting');
    expect([...card(1).querySelectorAll('.go')].map((button) => button.textContent?.trim())).toEqual(['Join them F8']);
    expect(card(2).querySelector('[data-do=hangup]')).not.toBeNull();
    expect(part('[data-part=details]').textContent).toContain('Ivan Petrov');
    await click('[data-do=conference]');
    expect(host.asked.at(-1)).toEqual(['phone', { do: 'conference', calls: [1, 2] }]);
    expect(part('[data-part=conference]').textContent).toContain('Ivan Petrov, 204, you');
  });

  it('joining: it is too late to take it back', async () => {
    const host = await scene('joining');
    expect(part('[data-part=transfer]').textContent).toContain('Joining');
    await click('[data-do=take-back]');
    expect(host.asked.filter(([what]) => what === 'phone')).toEqual([]);
  });

  it('the other side calls: nothing here can be taken back', async () => {
    await show(inTalk({ transfer: { kind: 'blind', to: '204', step: 'calling' } }));
    expect(part('[data-part=transfer]').textContent).toContain('Handing over to 204');
    expect(part('[data-do=take-back]')).toBeNull();
  });

  it('F9 for the colleague does not hang up on the customer who is back in that moment', async () => {
    const host = await scene('consulting');
    const now = vi.spyOn(performance, 'now').mockReturnValue(50_000);
    host.patch({ phone: { calls: { 2: null, 1: { phase: 'talking', transfer: null } } } });
    await settle();
    now.mockReturnValue(50_300);
    await press('F9');
    expect(host.asked.filter(([what]) => what === 'phone')).toEqual([]);
    now.mockReturnValue(51_500);
    await press('F9');
    expect(host.asked.at(-1)).toEqual(['phone', { do: 'hang-up', call: 1 }]);
  });
});

describe('a transfer that failed', () => {
  it.each([
    ['busy', {}, '204 is busy.'],
    ['refused', {}, '204 refused the call.'],
    ['no-answer', {}, 'Nobody answered at 204 within 20 s.'],
    ['no-answer', { sip_status: 480 }, 'Nobody answered at 204.'],
    ['unavailable', {}, '204 cannot be reached.'],
    ['not-joined', {}, 'The PBX did not join the calls.'],
  ] as const)('%s %j', async (failure, change, why) => {
    const host = await show(inTalk());
    host.patch({ phone: { calls: { 1: failed(failure, change) } } });
    await settle();
    expect(part('[data-part=transfer-failed]').textContent).toContain(`Not handed over. ${why}`);
    expect(told()).toContain(`Not handed over. ${why}`);
    expect(part('[data-do=hand-over]')).not.toBeNull();
  });

  it('says nothing of what was taken back', async () => {
    await show(inTalk(failed('cancelled')));
    expect(part('[data-part=transfer-failed]')).toBeNull();
    expect(told()).toBe('');
  });

  it('is gone with the next action on that call, and told anew when it fails again', async () => {
    const host = await show(inTalk(failed('busy')));
    await press('F11');
    await settle();
    expect(part('[data-part=transfer-failed]')).toBeNull();
    host.patch({ phone: { calls: { 1: { transfer: { step: 'calling', failure: null } } } } });
    host.patch({ phone: { calls: { 1: failed('busy') } } });
    await settle();
    expect(part('[data-part=transfer-failed]')).not.toBeNull();
  });

  it('is gone after half a minute', async () => {
    const host = await show(inTalk(failed('busy')));
    const later = performance.now() + 30_001;
    vi.spyOn(performance, 'now').mockReturnValue(later);
    document.dispatchEvent(new Event('visibilitychange'));
    await settle();
    expect(part('[data-part=transfer-failed]')).toBeNull();
    expect(host.asked.filter(([what]) => what === 'phone')).toEqual([]);
  });

  it('a colleague who was not reached is told on the card only', async () => {
    const host = await show(inTalk(failed('busy')));
    const record = {
      call: call(2, { direction: 'outgoing', phase: 'ended', remote_number: '204', consults_for: 1 }),
      end: { by: 'far-side', sip_status: 486, reason: 'Busy Here' },
    };
    host.patch({ notices: { 1: { at_ms: 0, what: { notice: 'call-ended', record } } } });
    await settle();
    expect(part('[data-part=notice]')).toBeNull();
  });
});

describe('a conference', () => {
  const held: Partial<Call> = { phase: 'held', hold_ms: 100, remote_number: '204' };

  it('begins with the call that is not talked to', async () => {
    const host = await show(withCalls(signedIn(), [talking(1, 5_000), talking(2, 9_000, held)]));
    expect(card(1).querySelector('[data-do=add-to-conference]')).toBeNull();
    await click('[data-do=add-to-conference]');
    expect(host.asked.at(-1)).toEqual(['phone', { do: 'conference', calls: [1, 2] }]);
    expect(document.querySelectorAll('[data-part=in-conference]')).toHaveLength(2);
  });

  it('takes a third call, and lets one out', async () => {
    const host = await scene('conference');
    await click('[data-do=add-to-conference]');
    expect(host.asked.at(-1)).toEqual(['phone', { do: 'conference', calls: [1, 2, 3] }]);
    expect(part('[data-do=leave-conference]')).toBeNull();
    await fireEvent.click(card(2).querySelector('[data-do=talk-alone]') as HTMLElement);
    await settle();
    expect(host.asked.at(-1)).toEqual(['phone', { do: 'conference', calls: [2] }]);
    expect(part('[data-part=conference]')).toBeNull();
  });

  it('of two is left to itself', async () => {
    const host = await scene('conference');
    await click('[data-do=leave-conference]');
    expect(host.asked.at(-1)).toEqual(['phone', { do: 'leave-conference' }]);
  });
});

it('a second call can be answered at the end of the first', async () => {
  const host = await show(withCalls(signedIn(), [talking(1, 5_000), call(2)]));
  await click('[data-do=end-and-answer]');
  expect(host.asked.at(-1)).toEqual(['phone', { do: 'answer', call: 2, end_running: true }]);
  expect(card(1)).toBeNull();
  expect(part('[data-do=end-and-answer]')).toBeNull();
});

it('the list says to whom a call was handed over, and leaves out that it rang there', async () => {
  const host = await scene('handing-over');
  host.patch({ phone: { calls: { 1: { transfer: { step: 'joining' } } } } });
  host.patch({ phone: { calls: { 1: null } } });
  host.patch({ phone: { calls: { 2: null } } });
  await settle();
  const rows = [...document.querySelectorAll('[role=table] [role=row]')].slice(1);
  expect(rows.map((row) => row.textContent)).toEqual([expect.stringContaining('Handed over to 204')]);
});
