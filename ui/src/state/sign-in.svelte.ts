import { createContext } from 'svelte';
import type { ConnectProblem, SessionView } from '../generated/contract';
import type { Host } from '../host/host';

/** What stands in the sign-in form; it outlives a change of language. */
export class SignInState {
  server = $state('');
  username = $state('');
  password = $state('');
  busy = $state(false);
  problem = $state.raw<ConnectProblem>();
  /** The host itself failed. */
  failure = $state<string>();

  /** Takes over what was used last. */
  remember(session: SessionView): void {
    if (session.state !== 'signed-out') return;
    if (this.server === '') this.server = session.server;
    if (this.username === '') this.username = session.username;
  }

  forgetProblem(): void {
    this.problem = undefined;
    this.failure = undefined;
  }

  async send(host: Host, takeOver: boolean): Promise<void> {
    this.busy = true;
    this.forgetProblem();
    try {
      const { server, username, password } = this;
      this.problem = await host.signIn({ server: server.trim(), username: username.trim(), password, takeOver });
      // A password stays only as long as the question "Move here?" needs it.
      if (!this.problem) this.password = '';
    } catch (failure) {
      this.failure = String(failure);
    } finally {
      this.busy = false;
    }
  }
}

export const [getSignInForm, setSignInForm] = createContext<SignInState>();
