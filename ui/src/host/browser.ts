import type { ConnectProblem, Problem, View } from '../generated/contract';
import type { Host, HttpAnswer, Preferences } from './host';

const PREFERENCES = 'linedesk.preferences';

/**
 * A browser: no softphone, the session is central's cookie. Central does not serve pages yet, so this host only says
 * honestly what it has: it can send requests, and its view is "signed out".
 */
export function browserHost(): Host {
  const request = async (method: string, path: string, body?: unknown): Promise<HttpAnswer> => {
    const init: RequestInit = { method, credentials: 'same-origin' };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { 'content-type': 'application/json' };
    }
    const answer = await fetch(path, init);
    const text = await answer.text();
    return text === '' ? { status: answer.status } : { status: answer.status, body: JSON.parse(text) };
  };
  const noSoftphone = { code: 'not-running' } as const;

  return {
    kind: 'browser',
    async view(listener) {
      listener({ number: 0, view: signedOut() });
    },
    async signIn({ username, password, takeOver }) {
      const machine = { id: 'browser', name: 'browser' };
      const body = { username, password, machine, take_over: takeOver, program: 'browser', protocol: 1 };
      const answer = await request('POST', '/api/v1/session', body);
      if (answer.status < 400) return undefined;
      const problem = answer.body as Problem;
      return problem.elsewhere
        ? { code: 'elsewhere', elsewhere: problem.elsewhere }
        : ({ code: 'refused', problem } satisfies ConnectProblem);
    },
    signOut: async () => void (await request('DELETE', '/api/v1/session')),
    request,
    phone: async () => ({ error: noSoftphone }),
    restartSoftphone: async () => undefined,
    dismissNotice: async () => undefined,
    preferences: async () =>
      (JSON.parse(localStorage.getItem(PREFERENCES) ?? 'null') as Preferences | null) ?? {
        theme: 'system',
        toldAboutTray: true,
      },
    setPreferences: async (preferences) => localStorage.setItem(PREFERENCES, JSON.stringify(preferences)),
    quit: async () => undefined,
    mark: () => undefined,
    on: () => undefined,
  };
}

function signedOut(): View {
  return {
    session: { state: 'signed-out', server: location.origin, username: '' },
    central: { state: 'off', since_ms: Date.now() },
    softphone: { state: 'off', since_ms: Date.now(), deaths: 0, problem: '' },
    reasons: [],
    server_offset_ms: 0,
    notices: {},
  };
}
