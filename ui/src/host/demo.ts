import type { Command, View } from '../generated/contract';
import { mergePatch } from '../state/merge-patch';
import { callPatches } from './demo-calls';
import { soundPatch } from './demo-sound';
import type { Host, HostEvents, HttpAnswer, Moment, PhoneAnswer, Preferences, SignInForm, ViewUpdate } from './host';

/** What was asked of the host, for tests. */
export type Asked = [what: string, ...details: unknown[]];

/**
 * A host in memory, for tests and screenshots only; it is not part of the program. It obeys at once, so that a page can
 * be walked through without a server or a phone.
 */
export class DemoHost implements Host {
  readonly kind = 'demo';
  readonly asked: Asked[] = [];
  readonly marks: Moment[] = [];
  saved: Preferences = { theme: 'system', toldAboutTray: true };
  /** What the next sign-in, request and phone command answer; obeys when not set. */
  answers: { signIn?: Awaited<ReturnType<Host['signIn']>>; request?: HttpAnswer | Error; phone?: PhoneAnswer } = {};

  #listener: ((update: ViewUpdate) => void) | undefined;
  #events: { [Name in keyof HostEvents]?: HostEvents[Name] } = {};
  #number = 1;

  constructor(public state: View | undefined) {}

  async view(listener: (update: ViewUpdate) => void): Promise<void> {
    this.#listener = listener;
    if (this.state) listener({ number: this.#number, view: this.state });
  }

  /** Changes the view as the workstation would. */
  patch(patch: unknown): void {
    this.state = mergePatch(this.state, patch) as View;
    this.#number += 1;
    this.#listener?.({ number: this.#number, patch });
  }

  emit(name: keyof HostEvents): void {
    this.#events[name]?.();
  }

  async signIn(form: SignInForm): Promise<Awaited<ReturnType<Host['signIn']>>> {
    this.asked.push(['sign-in', form]);
    return this.answers.signIn;
  }

  async signOut(): Promise<void> {
    this.asked.push(['sign-out']);
    this.patch({
      session: { state: 'signed-out', server: 'https://linedesk.example.org', username: 'anna', me: null },
    });
  }

  async request(method: string, path: string, body?: unknown): Promise<HttpAnswer> {
    this.asked.push(['request', method, path, body]);
    if (this.answers.request instanceof Error) throw this.answers.request;
    if (this.answers.request) return this.answers.request;
    const queue = /\/me\/queues\/(\d+)$/.exec(path)?.[1];
    if (queue !== undefined) this.patch({ me: { memberships: { [queue]: body as object } } });
    else if (path.endsWith('/me/status/next')) this.patch({ me: { next: null } });
    else if (path.endsWith('/me/status')) this.#setStatus(body as { kind: string; reason?: number; when: string });
    return { status: 202 };
  }

  #setStatus({ kind, reason, when }: { kind: string; reason?: number; when: string }): void {
    const wish = { kind, reason: reason ?? null };
    if (when === 'after-call') this.patch({ me: { next: { ...wish, chosen_at_ms: Date.now() } } });
    else this.patch({ me: { status: { ...wish, since_ms: Date.now(), until_ms: null, by: { who: 'operator' } } } });
  }

  async phone(command: Command): Promise<PhoneAnswer> {
    this.asked.push(['phone', command]);
    if (this.answers.phone) return this.answers.phone;
    const sound = soundPatch(command, this.state?.phone?.sound);
    if (sound) this.patch({ phone: sound });
    const calls = this.state?.phone?.calls ?? {};
    for (const patch of callPatches(command, calls)) this.patch({ phone: { calls: patch } });
    return { ok: { reply: 'done' } };
  }

  async restartSoftphone(): Promise<void> {
    this.asked.push(['restart-softphone']);
  }

  async dismissNotice(number: number): Promise<void> {
    this.patch({ notices: { [number]: null } });
  }

  async preferences(): Promise<Preferences> {
    return this.saved;
  }

  async setPreferences(preferences: Preferences): Promise<void> {
    this.saved = preferences;
  }

  async quit(force: boolean): Promise<void> {
    this.asked.push(['quit', force]);
    if (!force && Object.keys(this.state?.phone?.calls ?? {}).length > 0) this.emit('quit-asked');
  }

  mark(moment: Moment): void {
    this.marks.push(moment);
    performance.mark(moment);
  }

  on<Name extends keyof HostEvents>(name: Name, listener: HostEvents[Name]): void {
    this.#events[name] = listener;
  }
}
