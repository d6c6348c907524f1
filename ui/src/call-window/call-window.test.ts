import { cleanup, fireEvent, render } from '@testing-library/svelte';
import { afterEach, expect, it } from 'vitest';
import type { View } from '../generated/contract';
import { DemoHost } from '../host/demo';
import { call, info, signedIn, talking, withCalls } from '../host/demo-data';
import { speak } from '../i18n/language';
import { PreferenceState } from '../state/preferences.svelte';
import CallWindow from './CallWindow.svelte';

const part = (name: string): HTMLElement => document.querySelector<HTMLElement>(name) as HTMLElement;
const settle = (): Promise<void> => new Promise((done) => setTimeout(done));

async function show(view: View): Promise<DemoHost> {
  const host = new DemoHost(view);
  render(CallWindow, { props: { host, preferences: new PreferenceState(host) } });
  await settle();
  return host;
}

afterEach(cleanup);

it('shows the oldest ringing call, how many more there are, and asks to be shown when it has one', async () => {
  const host = await show(withCalls(signedIn(), [talking(1, 5_000), call(2), call(3)], [undefined, info()]));
  expect(part('[data-part=call-window]').dataset['call']).toBe('2');
  expect(part('h1').textContent).toBe('ACME delivery');
  expect(part('[data-part=queue-name]').textContent).toBe('Support');
  expect(part('[data-part=waited]').textContent).toContain('0:42');
  expect(part('[data-part=caller]').textContent).toContain('Ivan Petrov');
  expect(part('[data-part=more]').textContent).toBe('1 more call');
  expect(host.marks).toEqual(['call-drawn']);
  await fireEvent.click(part('[data-do=answer]'));
  expect(host.asked.at(-1)).toEqual(['phone', { do: 'answer', call: 2 }]);
  await settle();
  expect(part('[data-part=call-window]').dataset['call']).toBe('3');
  expect(part('[data-part=more]')).toBeNull();
  await fireEvent.click(part('[data-do=reject]'));
  expect(host.asked.at(-1)).toEqual(['phone', { do: 'reject', call: 3, reason: 'busy' }]);
  await settle();
  expect(part('[data-part=call-window]')).toBeNull();
});

it('shows nothing, and does not ask to be shown, while nothing rings', async () => {
  const host = await show(withCalls(signedIn(), [talking(1, 5_000)]));
  expect(part('[data-part=call-window]')).toBeNull();
  expect(host.marks).toEqual([]);
});

it('says that an answer was refused, beside the buttons that ask again', async () => {
  const host = await show(withCalls(signedIn(), [call(1)]));
  host.answers.phone = { error: { code: 'engine', message: 'no device' } };
  await fireEvent.click(part('[data-do=answer]'));
  await settle();
  expect(part('[role=alert]').textContent).not.toBe('');
  expect(part('[data-do=answer]')).not.toBeNull();
});

it('begins anew when it is wanted again, in the language of now', async () => {
  const host = await show(withCalls(signedIn(), [call(1)]));
  host.emit('call-unwanted');
  await settle();
  expect(part('[data-part=call-window]')).toBeNull();
  host.state = withCalls(signedIn(), [call(2)], [info()]);
  host.saved = { ...host.saved, language: 'ru' };
  host.emit('call-wanted');
  await expect.poll(() => host.marks).toEqual(['call-drawn', 'call-drawn']);
  expect(part('[data-part=call-window]').dataset['call']).toBe('2');
  expect(part('[data-do=answer]').textContent?.trim()).toBe('Ответить');
  await speak('en');
});
