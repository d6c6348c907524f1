import { createContext } from 'svelte';
import type {
  Call,
  CallInfo,
  CallPhase,
  CentralLink,
  FeatureCodes,
  Me,
  MeState,
  Membership,
  PhoneView,
  QueueFigures,
  Reason,
  SessionView,
  SoftphoneProcess,
  Transfer,
  View,
} from '../generated/contract';
import type { Host, ViewUpdate } from '../host/host';
import { language } from '../i18n/language';
import { CallClock, ServerClock } from './clock';
import { DeviceLabels } from './devices';
import { EndedCalls } from './ended-calls.svelte';
import { mergePatch } from './merge-patch';
import { Ticker } from './ticker.svelte';
import { TransferFailures } from './transfer-failures.svelte';

/** A queue the operator may work in: central's figures and the own membership. */
export interface DeskQueue {
  id: string;
  figures: QueueFigures;
  membership: Membership | undefined;
}

/** A number by which a PBX does something, and the account that reaches it. */
export interface Code {
  account: string;
  number: string;
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

/** Calls of a conference, without the operator. */
const MOST_CONFERRING = 4;

/** What the host says, as the screens need it. It decides nothing. */
export class Desk {
  /** Nothing until the host has said something. */
  view = $state.raw<View>();
  /** Why the host says nothing; for the window's own error state. */
  broken = $state.raw<string>();

  readonly ticker = new Ticker();
  readonly ended = new EndedCalls();
  readonly failures = new TransferFailures();
  readonly deviceLabels = new DeviceLabels();
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
    this.failures.take(calls);
    this.deviceLabels.take(view.phone?.sound.devices ?? []);
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

  /** The call one speaks with, or would if the other side had not put us on hold. */
  readonly talkedTo: Call | undefined = $derived(this.active && isTalkedTo(this.active) ? this.active : undefined);

  readonly held: Call | undefined = $derived(this.calls.find((call) => call.phase === 'held'));

  /** They hear each other and the operator. */
  readonly conference: Call[] = $derived(this.calls.filter((call) => call.conference));

  /** Those with a card. A colleague whom a call is handed over to when answered never speaks with the operator. */
  readonly cards: Call[] = $derived(this.calls.filter((call) => !this.#isHandOverLeg(call)));

  /** The call that the key hands over. */
  readonly toHandOver: Call | undefined = $derived.by(() => {
    const call = this.talkedTo ?? (this.active ? undefined : this.held);
    return call && canBeHandedOver(call) ? call : undefined;
  });

  /** The call whose hand-over waits for a word of the operator. */
  readonly toComplete: Call | undefined = $derived(
    this.calls.find((call) => {
      const transfer = underWay(call);
      return transfer?.kind === 'consult' && transfer.step !== 'joining';
    }),
  );

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

  /** What the PBX of a call does for a dialled code. */
  codes(call: Call): FeatureCodes | undefined {
    return this.view?.profile?.accounts[call.account]?.codes;
  }

  /** A code that can be dialled now: of the first PBX that has it and where the phone is registered. */
  code(what: keyof FeatureCodes): Code | undefined {
    const registered = Object.values(this.phone?.registrations ?? {}).filter(({ state }) => state === 'registered');
    for (const { account } of registered) {
      const number = this.view?.profile?.accounts[account]?.codes[what];
      if (number !== undefined) return { account, number };
    }
    return undefined;
  }

  /** Which PBX a call goes through, where there is more than one. */
  pbxName(call: Call): string | undefined {
    const accounts = this.view?.profile?.accounts ?? {};
    return Object.keys(accounts).length > 1 ? accounts[call.account]?.pbx_name : undefined;
  }

  /** What central knows of a call; the key between the two truths is the SIP Call-ID. */
  info(call: Call): CallInfo | undefined {
    return this.me?.calls[call.sip_call_id];
  }

  /** The call that this one was made about. */
  about(call: Call): Call | undefined {
    return call.consults_for === undefined ? undefined : this.phone?.calls[call.consults_for];
  }

  /** The call to the colleague whom this one is handed to. */
  target(call: Call): Call | undefined {
    return this.calls.find(({ consults_for }) => consults_for === call.id);
  }

  /** Whom a call would come together with, if there is somebody. */
  toConferWith(call: Call): Call[] | undefined {
    const first = this.talkedTo ?? this.held;
    const others = this.conference.length > 0 ? this.conference : first ? [first] : [];
    const free = [...others, call].every((each) => !underWay(each) && each.consults_for === undefined);
    const fits = others.length > 0 && others.length < MOST_CONFERRING && !others.some(({ id }) => id === call.id);
    return free && fits && isConnected(call) ? others : undefined;
  }

  #isHandOverLeg(call: Call): boolean {
    if (call.consults_for === undefined) return false;
    const about = this.about(call);
    // When the customer's call went first, this one goes too, or is a call like any other with the next message.
    return about === undefined || about.transfer?.kind === 'hand-over';
  }

  /** A failed hand-over of this call that was not read yet; follows the ticker. */
  failure(call: Call): Transfer | undefined {
    return this.failures.of(call, () => this.ticker.now);
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

function isTalkedTo({ phase }: Call): boolean {
  return phase === 'talking' || phase === 'held-there';
}

export function isConnected(call: Call): boolean {
  return isTalkedTo(call) || call.phase === 'held';
}

/** The transfer of a call, until something has come of it. */
export function underWay({ transfer }: Call): Transfer | undefined {
  return transfer && transfer.step !== 'failed' && transfer.step !== 'done' ? transfer : undefined;
}

export function canBeHandedOver(call: Call): boolean {
  const goes = call.transfer !== undefined && call.transfer.step !== 'failed';
  return isConnected(call) && !goes && call.consults_for === undefined && !call.conference;
}

export const [getDesk, setDesk] = createContext<Desk>();
