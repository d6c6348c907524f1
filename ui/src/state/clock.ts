import type { Call } from '../generated/contract';

/** The server's time by a monotonic clock: a jump of this machine's clock never shows as a long break. */
export class ServerClock {
  #offsetMs: number | undefined;
  #serverAtZero = Date.now() - performance.now();

  /** Takes a new measurement: what to add to this machine's clock, now. */
  anchor(offsetMs: number): void {
    if (offsetMs === this.#offsetMs) return;
    this.#offsetMs = offsetMs;
    this.#serverAtZero = Date.now() + offsetMs - performance.now();
  }

  /** Server's instant, ms since the Unix epoch, at a moment of the monotonic clock. */
  at(monotonicMs: number): number {
    return this.#serverAtZero + monotonicMs;
  }
}

export type CallSpan = 'age' | 'talk' | 'hold';

interface Mark {
  value: number;
  zero: number;
}

/** Durations of calls: the softphone says how long at the time of its message, this clock goes on from there. */
export class CallClock {
  #marks = new Map<string, Mark>();

  /** Takes over what the softphone says of all calls. */
  anchor(calls: Iterable<Call>, now = performance.now()): void {
    const seen = new Map<string, Mark>();
    for (const call of calls) {
      for (const [span, value] of [
        ['age', call.age_ms],
        ['talk', call.talk_ms],
        ['hold', call.hold_ms],
      ] as const) {
        if (value !== undefined) seen.set(`${call.id} ${span}`, this.#mark(`${call.id} ${span}`, value, now));
      }
    }
    this.#marks = seen;
  }

  /** Milliseconds; nothing when the softphone said nothing of it. */
  elapsed(call: Call, span: CallSpan, now: number): number | undefined {
    const mark = this.#marks.get(`${call.id} ${span}`);
    return mark && Math.max(0, now - mark.zero);
  }

  #mark(key: string, value: number, now: number): Mark {
    const old = this.#marks.get(key);
    if (old?.value === value) return old;
    const zero = now - value;
    // A message that was a little longer under way than the last one must not make the figure jump back.
    return old && Math.abs(old.zero - zero) < 250 ? { value, zero: old.zero } : { value, zero };
  }
}
