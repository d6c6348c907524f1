import type {
  Answer,
  Command,
  CommandError,
  ConnectProblem,
  PhoneError,
  Preferences,
  Reply,
  SignInForm,
  ViewUpdate,
} from '../generated/contract';

export type { Preferences, SignInForm, ViewUpdate };

/** What central answered; a refusal (400 and above) carries a `Problem` as its body. */
export type HttpAnswer = Answer;

/** Done, or why not: the softphone's own refusal, or that there is none to ask. */
export type PhoneAnswer = { ok: Reply } | { error: CommandError | PhoneError };

/** Moments the host measures: the first frame is painted; the frame can take a key; the call window has something to show. */
export type Moment = 'first-paint' | 'usable' | 'call-drawn';

export interface HostEvents {
  /** Quitting was asked for while a call runs. */
  'quit-asked': () => void;
  /** The window was closed and goes on in the tray. */
  'hidden-to-tray': () => void;
  /** A call rings while another program has the keyboard: its small window is wanted again. */
  'call-wanted': () => void;
  /** It is hidden. */
  'call-unwanted': () => void;
}

/** The only door of the interface to the world. */
export interface Host {
  readonly kind: 'desktop' | 'demo';
  /** Messages begin with a full one; calling it again begins anew. */
  view(listener: (update: ViewUpdate) => void): Promise<void>;
  /** Nothing when it went well, else why not. */
  signIn(form: SignInForm): Promise<ConnectProblem | undefined>;
  signOut(): Promise<void>;
  /** All HTTP to central; `path` begins with `/api/v1`. Rejects when central cannot be reached. */
  request(method: string, path: string, body?: unknown): Promise<HttpAnswer>;
  /** A command to the softphone. */
  phone(command: Command): Promise<PhoneAnswer>;
  restartSoftphone(): Promise<void>;
  dismissNotice(number: number): Promise<void>;
  preferences(): Promise<Preferences>;
  setPreferences(preferences: Preferences): Promise<void>;
  /** Without `force` it asks back with `quit-asked` while a call runs. */
  quit(force: boolean): Promise<void>;
  mark(moment: Moment): void;
  on<Name extends keyof HostEvents>(name: Name, listener: HostEvents[Name]): void;
}
