import { afterEach, describe, expect, it, vi } from 'vitest';
import { talking } from '../host/demo-data';
import { CallClock, ServerClock } from './clock';

afterEach(() => vi.useRealTimers());

describe('CallClock', () => {
  it('goes on from what the softphone said', () => {
    const clock = new CallClock();
    const call = talking(1, 10_000);
    clock.anchor([call], 1_000);
    expect(clock.elapsed(call, 'talk', 3_500)).toBe(12_500);
    expect(clock.elapsed(call, 'hold', 3_500)).toBeUndefined();
  });

  it('an unchanged figure in a later message does not set it back', () => {
    const clock = new CallClock();
    const call = talking(1, 10_000);
    clock.anchor([call], 0);
    clock.anchor([{ ...call, muted: true }], 5_000);
    expect(clock.elapsed(call, 'talk', 5_000)).toBe(15_000);
  });

  it('a message that was late by a little does not let it jump, one that differs much does', () => {
    const clock = new CallClock();
    clock.anchor([talking(1, 10_000)], 0);
    const late = talking(1, 11_000);
    clock.anchor([late], 1_100);
    expect(clock.elapsed(late, 'talk', 1_100)).toBe(11_100);
    const corrected = talking(1, 20_000);
    clock.anchor([corrected], 2_000);
    expect(clock.elapsed(corrected, 'talk', 2_000)).toBe(20_000);
  });

  it('forgets calls that are over', () => {
    const clock = new CallClock();
    const call = talking(1, 10_000);
    clock.anchor([call], 0);
    clock.anchor([], 1_000);
    expect(clock.elapsed(call, 'talk', 1_000)).toBeUndefined();
  });
});

describe('ServerClock', () => {
  it('adds the offset, and a jump of the wall clock does not show', () => {
    vi.useFakeTimers({ now: 1_000_000, toFake: ['Date', 'performance'] });
    const clock = new ServerClock();
    clock.anchor(500);
    const before = clock.at(performance.now());
    expect(before).toBe(1_000_500);
    const now = performance.now();
    vi.setSystemTime(9_000_000);
    clock.anchor(500);
    expect(clock.at(now + 1_000)).toBe(before + 1_000);
  });
});
