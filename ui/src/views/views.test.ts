import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { afterEach, describe, expect, it, vi } from 'vitest';
import App from '../App.svelte';
import type { View } from '../generated/contract';
import { DemoHost } from '../host/demo';
import { call, info, signedIn, signedOut, talking, withCalls } from '../host/demo-data';
import { PreferenceState } from '../state/preferences.svelte';

const part = (name: string): HTMLElement => document.querySelector<HTMLElement>(name) as HTMLElement;

async function show(view: View): Promise<DemoHost> {
  const host = new DemoHost(view);
  host.saved = { language: 'en', theme: 'light', toldAboutTray: true };
  const preferences = new PreferenceState(host);
  await preferences.load();
  render(App, { props: { host, preferences } });
  await Promise.resolve();
  await settle();
  return host;
}

const settle = (): Promise<void> => new Promise((done) => setTimeout(done));

afterEach(cleanup);

describe('signing in', () => {
  it('asks to move when the operator works elsewhere, and sends the same form again', async () => {
    const host = await show(signedOut());
    host.answers.signIn = {
      code: 'elsewhere',
      elsewhere: { machine: { id: 'x', name: 'DESK-12' }, since_ms: 0, connected: true },
    };
    await fireEvent.input(part('#password'), { target: { value: 'secret' } });
    await fireEvent.click(part('[data-do=sign-in]'));
    await settle();
    expect(part('[data-part=problem]').textContent).toContain('DESK-12');
    host.answers = {};
    await fireEvent.click(part('[data-do=take-over]'));
    await settle();
    const forms = host.asked.filter(([what]) => what === 'sign-in').map(([, form]) => form);
    expect(forms).toMatchObject([{ takeOver: false }, { takeOver: true, password: 'secret' }]);
  });

  it('says why the button cannot be pressed', async () => {
    const host = await show(signedOut());
    const button = part('[data-do=sign-in]');
    expect(button.getAttribute('aria-disabled')).toBe('true');
    expect(document.getElementById(button.getAttribute('aria-describedby') ?? '')?.textContent).toBe(
      'Type your password',
    );
    await fireEvent.click(button);
    expect(host.asked.filter(([what]) => what === 'sign-in')).toEqual([]);
  });

  it('shows what failed with its code', async () => {
    await show({
      ...signedOut(),
      central: {
        state: 'off',
        since_ms: 0,
        problem: { code: 'refused', problem: { status: 401, code: 'wrong-credentials', title: 'x' } },
      },
    });
    expect(part('[data-part=problem]').dataset['problem']).toBe('wrong-credentials');
  });
});

describe('the desk', () => {
  it('tells the session to the page', async () => {
    await show(signedIn());
    expect(document.body.dataset['session']).toBe('signed-in');
  });

  it('a ringing queue call names project, queue, caller and wait, and declines to the next operator', async () => {
    const host = await show(withCalls(signedIn(), [call(1)], [info()]));
    const card = part('[data-part=call]');
    expect(card.dataset['phase']).toBe('ringing');
    expect(card.textContent).toContain('ACME delivery');
    expect(part('[data-part=queue-name]').textContent).toBe('Support');
    expect(part('[data-part=waited]').textContent).toContain('0:42');
    expect(part('[data-part=caller]').textContent).toContain('Ivan Petrov');
    expect(part('[data-do=reject]').textContent).toContain('next operator');
    expect(part('[data-part=announcement]').textContent).toContain('Ivan Petrov');
    expect(performance.getEntriesByName('ringing').length).toBeGreaterThan(0);
    await fireEvent.click(part('[data-do=answer]'));
    await settle();
    expect(host.asked.at(-1)).toEqual(['phone', { do: 'answer', call: 1 }]);
    expect(part('[data-part=call]').dataset['phase']).toBe('talking');
  });

  it('the key of Answer hangs up, but not when it is pressed twice', async () => {
    const host = await show(withCalls(signedIn(), [call(1)], [info()]));
    const now = vi.spyOn(performance, 'now');
    const press = async (at: number): Promise<unknown> => {
      now.mockReturnValue(at);
      await fireEvent.keyDown(window, { key: 'F9' });
      await settle();
      return host.asked.at(-1);
    };
    const answered = ['phone', { do: 'answer', call: 1 }];
    expect(await press(50_000)).toEqual(answered);
    expect(await press(50_400)).toEqual(answered);
    expect(await press(51_500)).toEqual(['phone', { do: 'hang-up', call: 1 }]);
  });

  it('a second call takes the key of Answer', async () => {
    await show(withCalls(signedIn(), [talking(1, 5_000), call(2)]));
    expect(part('[data-do=answer]').textContent).toContain('F9');
    expect(part('[data-do=hangup]').textContent).not.toContain('F9');
  });

  it('says what is wrong with the sound while it is', async () => {
    const host = await show(withCalls(signedIn(), [talking(1, 5_000, { muted: true, warnings: ['muted-speaking'] })]));
    expect(part('[data-part=sound-muted-speaking]').textContent).toContain('You are muted, but speaking');
    host.patch({ phone: { calls: { 1: { muted: false, warnings: ['loss-here', 'unknown'] } } } });
    await settle();
    expect(part('[data-part=sound-muted-speaking]')).toBeNull();
    expect(part('[data-part=sound-loss-here]').textContent).toContain('on the way to you');
    host.patch({ phone: { calls: { 1: { warnings: null } } } });
    await settle();
    expect(document.querySelector('[data-part^=sound-]')).toBeNull();
  });

  it('rings on SIP alone; what central knows fills in when it comes', async () => {
    const host = await show(withCalls(signedIn(), [call(1)]));
    expect(part('[data-part=queue-name]')).toBeNull();
    expect(part('[data-do=reject]').textContent?.trim()).toBe('Decline');
    host.patch({ me: { calls: { 'call-1@demo': info() } } });
    await settle();
    expect(part('[data-part=queue-name]').textContent).toBe('Support');
  });

  it('a status chosen in a call is wished for after it', async () => {
    const host = await show(withCalls(signedIn(), [talking(1, 5_000)]));
    await fireEvent.click(part('[data-part=status]'));
    await fireEvent.click(part('[data-do="status-break-1"]'));
    await settle();
    expect(host.asked.at(-1)).toEqual([
      'request',
      'PUT',
      '/api/v1/me/status',
      { kind: 'break', reason: 1, when: 'after-call' },
    ]);
    expect(part('[data-part=status]').dataset['next']).toBe('break');
    expect(part('[data-part=status]').dataset['kind']).toBe('available');
  });

  it('a refused wish is said, and can be dismissed', async () => {
    const host = await show(signedIn());
    host.answers.request = new Error('offline');
    await fireEvent.click(part('[data-queue=Support]'));
    await fireEvent.click(part('[data-do=leave]'));
    await settle();
    expect(part('[data-part=notice]').textContent).toContain('You did not leave the queue');
    await fireEvent.click(part('[data-do=dismiss]'));
    expect(part('[data-part=notice]')).toBeNull();
  });

  it('cannot dial without a registration, and says so', async () => {
    const host = await show(signedIn());
    host.patch({ phone: { registrations: { 1: { state: 'failed', sip_status: 403 } } } });
    await settle();
    expect(part('[data-part=dial]').getAttribute('placeholder')).toBe('Phone not registered');
    await fireEvent.submit(part('[data-part=dial-box]'));
    expect(host.asked.filter(([what]) => what === 'phone')).toEqual([]);
  });

  it('speaks Russian after a click', async () => {
    await show(signedIn());
    await fireEvent.click(part('[data-part=me]'));
    await fireEvent.click(part('[data-do=language-ru]'));
    await screen.findByText('На линии');
  });
});
