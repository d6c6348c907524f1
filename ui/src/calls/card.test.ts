import { cleanup, fireEvent, render } from '@testing-library/svelte';
import { afterEach, describe, expect, it } from 'vitest';
import App from '../App.svelte';
import type { Call, View } from '../generated/contract';
import { DemoHost } from '../host/demo';
import { call, signedIn, talking, withCalls } from '../host/demo-data';
import { scenes } from '../host/demo-scenes';
import { PreferenceState } from '../state/preferences.svelte';

const part = (name: string): HTMLElement => document.querySelector<HTMLElement>(name) as HTMLElement;
const card = (id: number): HTMLElement => part(`[data-part=call][data-call="${id}"]`);
const settle = (): Promise<void> => new Promise((done) => setTimeout(done));

async function show(view: View | undefined): Promise<DemoHost> {
  const host = new DemoHost(view);
  host.saved = { language: 'en', theme: 'light', toldAboutTray: true };
  const preferences = new PreferenceState(host);
  await preferences.load();
  render(App, { props: { host, preferences } });
  await settle();
  return host;
}

async function press(element: HTMLElement | null): Promise<void> {
  await fireEvent.click(element as HTMLElement);
  await settle();
}

afterEach(cleanup);

it('a call that was answered automatically says so', async () => {
  await show(withCalls(signedIn(), [talking(1, 4_000, { answered_by_itself: true }), talking(2, 9_000)]));
  expect(card(1).querySelector('[data-part=by-itself]')?.textContent).toContain('Answered automatically');
  expect(card(2).querySelector('[data-part=by-itself]')).toBeNull();
});

describe('before the answer', () => {
  it.each<[Call['progress'], string]>([
    ['ringing', 'Ringing there'],
    ['early-media', 'Not answered yet, listen'],
    ['forwarded', 'Being forwarded'],
    ['queued', 'In a line there'],
    ['unknown', 'Ringing there'],
  ])('%s', async (progress, words) => {
    const out = { direction: 'outgoing', phase: 'ringing-there', ...(progress && { progress }) } as const;
    await show(withCalls(signedIn(), [call(1, out)]));
    expect(card(1).querySelector('.state')?.textContent?.trim()).toBe(words);
    expect(card(1).getAttribute('aria-label')).toContain(words);
  });
});

describe('with more than one PBX', () => {
  it('a card names its own, with what the PBX passes on in the details', async () => {
    await show(scenes['codes']?.());
    expect(card(1).querySelector('[data-part=pbx]')?.textContent).toBe('Office');
    expect(card(2).querySelector('[data-part=pbx]')?.textContent).toBe('Warehouse');
    const headers = [...document.querySelectorAll('[data-part=header]')].map(({ textContent }) => textContent?.trim());
    expect(headers.map((text) => text?.replace(/\s+/, ' '))).toEqual(['X-Order 2026-11-4412', 'X-Tariff gold']);
  });

  it('with one it is not named', async () => {
    await show(withCalls(signedIn(), [talking(1, 4_000)]));
    expect(part('[data-part=pbx]')).toBeNull();
  });
});

describe('codes of the PBX', () => {
  it('park, pick up and redial, each at the PBX that has it', async () => {
    const host = await show(scenes['codes']?.());
    await press(card(1).querySelector('[data-do=park]'));
    expect(host.asked.at(-1)).toEqual(['phone', { do: 'blind-transfer', call: 1, target: '700' }]);
    expect(card(1).querySelector('[data-do=park]')).toBeNull();
    await press(part('[data-do=pickup]'));
    expect(host.asked.at(-1)).toEqual(['phone', { do: 'dial', account: '1', target: '*8', headers: [] }]);
    await press(part('[data-do=redial]'));
    expect(host.asked.at(-1)).toEqual(['phone', { do: 'dial', account: '1', target: '*66', headers: [] }]);
  });

  it('are not offered where the PBX has none, or the phone is not registered there', async () => {
    const host = await show(withCalls(signedIn(), [talking(1, 4_000)]));
    for (const name of ['park', 'pickup', 'redial']) expect(part(`[data-do=${name}]`)).toBeNull();
    host.patch({ profile: { accounts: { 1: { codes: { pickup: '*8' } } } } });
    await settle();
    expect(part('[data-do=pickup]')).not.toBeNull();
    host.patch({ phone: { registrations: { 1: { state: 'failed' } } } });
    await settle();
    expect(part('[data-do=pickup]')).toBeNull();
  });
});
