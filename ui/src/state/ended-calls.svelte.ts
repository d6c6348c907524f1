import type { Call, CallEnd, CallInfo, View } from '../generated/contract';

/** A call that is over, as this window saw it. */
export interface EndedCall {
  call: Call;
  queueName: string | undefined;
  callerName: string | undefined;
  callerNumber: string | undefined;
  /** Known when it ended otherwise than by hanging up. */
  end: CallEnd | undefined;
}

const KEPT = 200;

/** Calls that ended since this window was opened, newest first. History proper is central's; this is only what was seen. */
export class EndedCalls {
  list = $state.raw<EndedCall[]>([]);

  /** What central said last of each running call: it forgets one that the customer ended before the softphone does. */
  #known: Readonly<Record<string, CallInfo>> = {};

  /** Finds calls that are in the view before and not in the view after. */
  compare(before: View, after: View): void {
    if (after.session.state !== 'signed-in') {
      this.list = [];
      this.#known = {};
      return;
    }
    const known = { ...this.#known, ...before.me?.calls, ...after.me?.calls };
    const now = after.phone?.calls ?? {};
    const running = Object.values(before.phone?.calls ?? {});
    const gone = running.filter(({ id }) => !(id in now) || now[id]?.phase === 'ended');
    const spoken = gone.filter((call) => !this.#isHandOverLeg(call, running)).map((call) => now[call.id] ?? call);
    const fresh = spoken.filter((call) => !this.list.some((old) => old.call.sip_call_id === call.sip_call_id));
    const ends = endsBySipCallId(after);
    if (fresh.length > 0) {
      const entries = fresh.map((call) => {
        const info = known[call.sip_call_id];
        return {
          call,
          queueName: info?.queue_name,
          callerName: info?.caller_name,
          callerNumber: info?.caller_number,
          end: ends.get(call.sip_call_id),
        };
      });
      this.list = [...entries.reverse(), ...this.list].slice(0, KEPT);
    } else if (this.list.some((entry) => !entry.end && ends.has(entry.call.sip_call_id))) {
      // The record may come one message after the call is gone.
      this.list = this.list.map((entry) => ({ ...entry, end: entry.end ?? ends.get(entry.call.sip_call_id) }));
    }
    const alive = Object.values(now).map((call) => call.sip_call_id);
    this.#known = Object.fromEntries(Object.entries(known).filter(([id]) => alive.includes(id) || after.me?.calls[id]));
  }

  /** Nobody spoke on it: it only rang at the colleague whom another call was handed to. */
  #isHandOverLeg({ consults_for }: Call, running: readonly Call[]): boolean {
    if (consults_for === undefined) return false;
    const about =
      running.find(({ id }) => id === consults_for) ?? this.list.find(({ call }) => call.id === consults_for)?.call;
    return about?.transfer?.kind === 'hand-over';
  }
}

function endsBySipCallId(view: View): ReadonlyMap<string, CallEnd> {
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- read once, never followed
  const ends = new Map<string, CallEnd>();
  for (const { what } of Object.values(view.notices)) {
    if (what.notice === 'call-ended') ends.set(what.record.call.sip_call_id, what.record.end);
  }
  return ends;
}
