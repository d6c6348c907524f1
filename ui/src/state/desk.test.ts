import { describe, expect, it, vi } from 'vitest';
import { DemoHost } from '../host/demo';
import { call, info, signedIn, talking, withCalls } from '../host/demo-data';
import type { ViewUpdate } from '../host/host';
import { Desk } from './desk.svelte';

async function deskOf(host: DemoHost): Promise<Desk> {
  const desk = new Desk(host);
  await desk.follow();
  return desk;
}

describe('Desk', () => {
  it('applies patches in order', async () => {
    const host = new DemoHost(signedIn());
    const desk = await deskOf(host);
    host.patch({ me: { status: { kind: 'break', reason: 1 } } });
    expect(desk.me?.status.kind).toBe('break');
    expect(desk.reasonName(desk.me?.status.reason)).toBe('Lunch');
  });

  it('asks for the whole again when a number is missing', async () => {
    const host = new DemoHost(signedIn());
    let send: (update: ViewUpdate) => void = () => undefined;
    const view = vi.spyOn(host, 'view').mockImplementation(async (listener) => {
      send = listener;
      listener({ number: 5, view: signedIn() });
    });
    const desk = await deskOf(host);
    send({ number: 7, patch: { central: { state: 'lost' } } });
    expect(view).toHaveBeenCalledTimes(2);
    expect(desk.central?.state).toBe('connected');
    send({ number: 6, patch: { central: { state: 'lost' } } });
    expect(desk.central?.state).toBe('lost');
  });

  it('says that the host is broken', async () => {
    const host = new DemoHost(signedIn());
    vi.spyOn(host, 'view').mockRejectedValue(new Error('gone'));
    expect((await deskOf(host)).broken).toContain('gone');
  });

  it('orders calls: ringing, active, held', async () => {
    const calls = [talking(1, 5_000, { phase: 'held' }), talking(2, 1_000), call(3)];
    const desk = await deskOf(new DemoHost(withCalls(signedIn(), calls)));
    expect(desk.calls.map(({ id }) => id)).toEqual([3, 2, 1]);
    expect(desk.ringing?.id).toBe(3);
    expect(desk.active?.id).toBe(2);
    expect(desk.held?.id).toBe(1);
    expect(desk.inCall).toBe(true);
  });

  it('ringing alone is not being in a call', async () => {
    expect((await deskOf(new DemoHost(withCalls(signedIn(), [call(3)])))).inCall).toBe(false);
  });

  it('keeps calls that ended, newest first, until signing out', async () => {
    const host = new DemoHost(withCalls(signedIn(), [talking(1, 5_000), call(2)]));
    const desk = await deskOf(host);
    host.patch({ phone: { calls: { 1: null } } });
    host.patch({ phone: { calls: { 2: null } } });
    expect(desk.ended.list.map((entry) => entry.call.id)).toEqual([2, 1]);
    await host.signOut();
    expect(desk.ended.list).toEqual([]);
  });

  it('keeps what central said of a call that central forgot first', async () => {
    const one = talking(1, 5_000);
    const host = new DemoHost(withCalls(signedIn(), [one], [info({ queue_name: 'Sales' })]));
    const desk = await deskOf(host);
    host.patch({ me: { calls: { [one.sip_call_id]: null } } });
    host.patch({ phone: { calls: { 1: null } } });
    expect(desk.ended.list[0]?.queueName).toBe('Sales');
  });

  it('dials by a registered account only', async () => {
    const host = new DemoHost(signedIn());
    const desk = await deskOf(host);
    expect(desk.dialAccount).toBe('1');
    host.patch({ phone: { registrations: { 1: { state: 'failed' } } } });
    expect(desk.dialAccount).toBeUndefined();
  });
});
