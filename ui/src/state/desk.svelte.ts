import { createContext } from 'svelte';
import type {
  Call,
  CallInfo,
  CallPhase,
  CentralLink,
  Me,
  MeState,
  Membership,
  PhoneView,
  QueueFigures,
  Reason,
  SessionView,
  SoftphoneProcess,
  View,
} from '../generated/contract';
import type { Host, ViewUpdate } from '../host/host';
import { language } from '../i18n/language';
import { CallClock, ServerClock } from './clock';
import { EndedCalls } from './ended-calls.svelte';
import { mergePatch } from './merge-patch';
import { Ticker } from './ticker.svelte';

/** A queue the operator may work in: central's figures and the own membership. */
export interface DeskQueue {
  id: string;
  figures: QueueFigures;
  membership: Membership | undefined;
}

const order: Record<CallPhase, number> = {
  ringing: 0,
  connecting: 1,
  talking: 1,
  'held-there': 1,
  dialing: 1,
  'ringing-there': 1,
  held: 2,
  ended: 3,
};

/** What the host says, as the screens need it. It decides nothing. */
export class Desk {
  /** Nothing until the host has said something. */
  view = $state.raw<View>();
  /** Why the host says nothing; for the window's own error state. */
  broken = $state.raw<string>();

  readonly ticker = new Ticker();
  readonly ended = new EndedCalls();
  readonly #callClock = new CallClock();
  readonly #serverClock = new ServerClock();
  readonly #host: Host;
  #number = 0;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Follows the host from now on. */
  async follow(): Promise<void> {
    try {
      await this.#host.view((message) => this.take(message));
    } catch (failure) {
      this.broken = String(failure);
    }
  }

  /** One message; a gap in the numbers means that something was missed, so the whole is asked for again. */
  take(message: ViewUpdate): void {
    if ('view' in message) {
      this.#show(message.view);
    } else if (this.view && message.number === this.#number + 1) {
      this.#show(mergePatch(this.view, message.patch) as View);
    } else {
      void this.follow();
      return;
    }
    this.#number = message.number;
  }

  #show(view: View): void {
    const calls = Object.values(view.phone?.calls ?? {});
    this.#serverClock.anchor(view.server_offset_ms);
    this.#callClock.anchor(calls);
    if (this.view) this.ended.compare(this.view, view);
    this.view = view;
  }

  readonly session: SessionView | undefined = $derived(this.view?.session);
  readonly signedIn: Me | undefined = $derived(this.session?.state === 'signed-in' ? this.session.me : undefined);
  readonly central: CentralLink | undefined = $derived(this.view?.central);
  readonly softphone: SoftphoneProcess | undefined = $derived(this.view?.softphone);
  readonly phone: PhoneView | undefined = $derived(this.view?.phone);
  readonly me: MeState | undefined = $derived(this.view?.me);
  readonly reasons: Reason[] = $derived(this.view?.reasons ?? []);

  /** What central says is as of `central.since_ms`, not of now. */
  readonly stale: boolean = $derived(this.central?.state === 'lost' || this.central?.state === 'connecting');

  /** Ringing first, then what is talked to, then what is held; oldest first. */
  readonly calls: Call[] = $derived(
    Object.values(this.phone?.calls ?? {})
      .filter((call) => call.phase !== 'ended')
      .sort((a, b) => order[a.phase] - order[b.phase] || a.id - b.id),
  );

  readonly ringing: Call | undefined = $derived(this.calls.find((call) => call.phase === 'ringing'));

  /** The call one speaks with or waits for. */
  readonly active: Call | undefined = $derived(this.calls.find((call) => order[call.phase] === 1));

  readonly held: Call | undefined = $derived(this.calls.find((call) => call.phase === 'held'));

  /** A status chosen now begins at the end of the call. */
  readonly inCall: boolean = $derived(this.calls.some((call) => call.phase !== 'ringing'));

  /** Those one works in come first. */
  readonly queues: DeskQueue[] = $derived.by(() => {
    const memberships = this.me?.memberships ?? {};
    return Object.entries(this.view?.queues?.queues ?? {})
      .map(([id, figures]) => ({ id, figures, membership: memberships[id] }))
      .sort(
        (a, b) =>
          Number(b.membership?.joined ?? false) - Number(a.membership?.joined ?? false) ||
          a.figures.name.localeCompare(b.figures.name),
      );
  });

  /** The account a call goes out by: the first that is registered. */
  readonly dialAccount: string | undefined = $derived(
    Object.values(this.phone?.registrations ?? {}).find(({ state }) => state === 'registered')?.account,
  );

  /** What central knows of a call; the key between the two truths is the SIP Call-ID. */
  info(call: Call): CallInfo | undefined {
    return this.me?.calls[call.sip_call_id];
  }

  reasonName(id: number | undefined): string | undefined {
    const names = this.reasons.find((reason) => reason.id === id)?.names;
    return names?.[language()] ?? names?.['en'] ?? Object.values(names ?? {})[0];
  }

  /** Milliseconds a call has lasted, been talked, been held; follows the ticker. */
  elapsed(call: Call, span: 'age' | 'talk' | 'hold'): number | undefined {
    return this.#callClock.elapsed(call, span, this.ticker.now);
  }

  /** Milliseconds since an instant of the server; follows the ticker. */
  since(serverMs: number): number {
    return Math.max(0, this.serverNow - serverMs);
  }

  /** Server's instant; follows the ticker. */
  get serverNow(): number {
    return this.#serverClock.at(this.ticker.now);
  }
}

export const [getDesk, setDesk] = createContext<Desk>();
