import { createContext } from 'svelte';
import { t } from 'ttag';
import type { Call, Command, Problem, Reply, StatusWish } from '../generated/contract';
import type { Host } from '../host/host';
import { commandErrorText, problemText, type Message } from '../i18n/messages';
import type { Code, Desk } from './desk.svelte';
import { SoundWishes } from './sound.svelte';

/** Something that the window itself has to say: a wish that was not carried out, a question before quitting. */
export interface OwnNotice {
  key: string;
  /** For tests and styles. */
  code: string;
  message: Message;
}

/** How long it may ring at a colleague before the customer is back, seconds. */
export const RING_S = 20;

/** What the operator can do. Each wish goes to its owner; what comes of it follows as state. */
export class Actions {
  notices = $state.raw<OwnNotice[]>([]);
  /** The window asks before it ends a call. */
  quitAsked = $state(false);

  readonly sound: SoundWishes;

  readonly #host: Host;
  readonly #desk: Desk;

  constructor(host: Host, desk: Desk) {
    this.#host = host;
    this.#desk = desk;
    this.sound = new SoundWishes(desk, (command) => this.#phone(command));
  }

  /** Hears the shell from now on; the small window of a ringing call leaves that to the main one. */
  listen(): this {
    this.#host.on('quit-asked', () => (this.quitAsked = true));
    this.#host.on('hidden-to-tray', () =>
      this.#say('hidden-to-tray', {
        what: t`Linedesk goes on in the tray`,
        why: t`The window was closed, the phone stays registered and calls still ring.`,
        remedy: t`To end your shift, choose “Quit” in the menu with your name.`,
      }),
    );
    return this;
  }

  // --- calls

  /** Holds the conversation that runs. */
  answer = (call: Call): Promise<unknown> => this.#phone({ do: 'answer', call: call.id });
  endAndAnswer = (call: Call): Promise<unknown> => this.#phone({ do: 'answer', call: call.id, end_running: true });
  reject = (call: Call): Promise<unknown> => this.#phone({ do: 'reject', call: call.id, reason: 'busy' });
  hangUp = (call: Call): Promise<unknown> => this.#phone({ do: 'hang-up', call: call.id });
  hold = (call: Call): Promise<unknown> => this.#phone({ do: 'hold', call: call.id });
  resume = (call: Call): Promise<unknown> => this.#phone({ do: 'resume', call: call.id });
  mute = (call: Call, muted: boolean): Promise<unknown> => this.#phone({ do: 'mute', call: call.id, muted });
  digit = (call: Call, digits: string): Promise<unknown> => this.#phone({ do: 'dtmf', call: call.id, digits });

  /** True when a call is being made. */
  async dial(target: string): Promise<boolean> {
    const account = this.#desk.dialAccount;
    if (account === undefined) return false;
    return this.#done({ do: 'dial', account, target, headers: [] });
  }

  /** What the PBX does for the number, it does at once. */
  dialCode = ({ account, number }: Code): Promise<boolean> =>
    this.#done({ do: 'dial', account, target: number, headers: [] });

  /** The PBX keeps the customer until somebody fetches him. */
  async park(call: Call): Promise<void> {
    const number = this.#desk.codes(call)?.park;
    if (number !== undefined) await this.blindTransfer(call, number);
  }

  /** To be joined at the answer. True when it is being called, as with the other two. */
  handOver = (call: Call, target: string): Promise<boolean> =>
    this.#done({ do: 'hand-over', call: call.id, target, headers: [], ring_s: RING_S });
  consult = (call: Call, target: string): Promise<boolean> =>
    this.#done({ do: 'consult', call: call.id, target, headers: [] });
  blindTransfer = (call: Call, target: string): Promise<boolean> =>
    this.#done({ do: 'blind-transfer', call: call.id, target });

  completeTransfer = (call: Call): Promise<unknown> => this.#phone({ do: 'complete-transfer', call: call.id });
  cancelTransfer = (call: Call): Promise<unknown> => this.#phone({ do: 'cancel-transfer', call: call.id });

  /** All these, and nobody else; with one the conference is over and the others are held. */
  conference = (calls: Call[]): Promise<unknown> => this.#phone({ do: 'conference', calls: calls.map(({ id }) => id) });
  leaveConference = (): Promise<unknown> => this.#phone({ do: 'leave-conference' });

  // --- status and queues

  setStatus(wish: Omit<StatusWish, 'when'>): Promise<void> {
    const when = this.#desk.inCall ? 'after-call' : 'now';
    return this.#central('status', t`Your status was not changed`, 'PUT', '/api/v1/me/status', { ...wish, when });
  }

  undoNext(): Promise<void> {
    return this.#central('status', t`The next status was not taken back`, 'DELETE', '/api/v1/me/status/next');
  }

  setMembership(queue: string, joined: boolean): Promise<void> {
    const failed = joined ? t`You did not join the queue` : t`You did not leave the queue`;
    return this.#central(`queue-${queue}`, failed, 'PUT', `/api/v1/me/queues/${queue}`, { joined });
  }

  // --- the program

  /** Registers every account again, now. */
  register = (): Promise<unknown> =>
    Promise.all(
      Object.keys(this.#desk.phone?.registrations ?? {}).map((account) => this.#phone({ do: 'register', account })),
    );

  restartSoftphone = (): Promise<void> => this.#host.restartSoftphone();
  signOut = (): Promise<void> => this.#host.signOut();
  quit = (force: boolean): Promise<void> => this.#host.quit(force);
  dismissNotice = (number: number): Promise<void> => this.#host.dismissNotice(number);

  dismissOwn(key: string): void {
    this.notices = this.notices.filter((notice) => notice.key !== key);
  }

  #say(code: string, message: Message, key = code): void {
    this.notices = [...this.notices.filter((notice) => notice.key !== key), { key, code, message }];
  }

  async #done(command: Command): Promise<boolean> {
    return (await this.#phone(command)) !== undefined;
  }

  async #phone(command: Command): Promise<Reply | undefined> {
    const key = 'call' in command ? `${command.do}-${command.call}` : command.do;
    const meant = 'call' in command ? [command.call] : command.do === 'conference' ? command.calls : [];
    for (const call of meant) this.#desk.failures.dismiss(call);
    try {
      const answer = await this.#host.phone(command);
      if ('ok' in answer) {
        this.dismissOwn(key);
        return answer.ok;
      }
      // The call ended while the key was on its way: the screen already says so, there is nothing to mend.
      if (answer.error.code !== 'no-such-call') this.#say('command', commandErrorText(command, answer.error), key);
    } catch (failure) {
      this.#say('command', commandErrorText(command, { code: 'engine', message: String(failure) }), key);
    }
    return undefined;
  }

  async #central(key: string, what: string, method: string, path: string, body?: unknown): Promise<void> {
    try {
      const answer = await this.#host.request(method, path, body);
      if (answer.queued) {
        this.#say('queued', {
          what: t`Kept for later`,
          why: t`There is no link to central.`,
          remedy: t`It is sent by itself when the link is back.`,
        });
      } else if (answer.status < 400) this.dismissOwn(key);
      else this.#say('central', { what, ...problemText(answer.body as Problem) }, key);
    } catch (failure) {
      this.#say(
        'central',
        {
          what,
          why: t`Central cannot be reached.`,
          remedy: t`Try again when the link is back.`,
          detail: said(failure),
        },
        key,
      );
    }
  }
}

/** The machine's own words for the details. */
function said(failure: unknown): string {
  return typeof failure === 'object' ? JSON.stringify(failure) : String(failure);
}

export const [getActions, setActions] = createContext<Actions>();
