import { Channel, invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import type { CommandError, PhoneError, RequestError } from '../generated/contract';
import { asConnectProblem } from './connect-problem';
import type { Host, HttpAnswer, Moment, PhoneAnswer, Preferences, SignInForm, ViewUpdate } from './host';

/** The desktop shell. The token, the softphone and all sockets are on its side. */
export function tauriHost(): Host {
  return {
    kind: 'desktop',

    async view(listener) {
      const channel = new Channel<ViewUpdate>();
      channel.onmessage = listener;
      await invoke('view', { channel });
    },

    async signIn(form: SignInForm) {
      try {
        return asConnectProblem(await invoke('sign_in', { ...form }));
      } catch (refusal) {
        const problem = asConnectProblem(refusal);
        if (problem) return problem;
        throw refusal;
      }
    },

    signOut: () => invoke('sign_out'),

    async request(method, path, body) {
      try {
        return await invoke<HttpAnswer>('request', { method, path, body: body ?? null });
      } catch (failure) {
        const error = failure as RequestError;
        if (error.code === 'refused') return { status: error.problem.status, body: error.problem };
        throw failure;
      }
    },

    async phone(command): Promise<PhoneAnswer> {
      try {
        return await invoke<PhoneAnswer>('phone', { command });
      } catch (failure) {
        const error = failure as PhoneError | CommandError;
        if (typeof error !== 'object' || !('code' in error)) throw failure;
        return { error: error.code === 'refused' ? error.error : error };
      }
    },

    restartSoftphone: () => invoke('restart_softphone'),
    dismissNotice: (number) => invoke('dismiss_notice', { number }),
    preferences: () => invoke<Preferences>('preferences'),
    setPreferences: (preferences) => invoke('set_preferences', { ...preferences }),
    quit: (force) => invoke('quit', { force }),
    mark: (moment: Moment) => void invoke('mark', { name: moment }).catch(() => undefined),
    on: (name, listener) => void listen(name, () => listener()),
  };
}
