import type { Call, Transfer } from '../generated/contract';

/** How long a failed hand-over is told on the card, ms. */
const TOLD = 30_000;

/** Failed hand-overs that the operator should read: until the next action on that call, or for a while. */
export class TransferFailures {
  /** Until when each is told, by call, monotonic ms. */
  #until = $state.raw<Readonly<Record<number, number>>>({});

  /** The softphone keeps the failure until the next try, so what is known already is not told anew. */
  take(calls: readonly Call[], now = performance.now()): void {
    const failed = calls.filter(({ transfer }) => transfer?.step === 'failed').map(({ id }) => id);
    const known = Object.keys(this.#until);
    if (failed.length === known.length && failed.every((id) => id in this.#until)) return;
    this.#until = Object.fromEntries(failed.map((id) => [id, this.#until[id] ?? now + TOLD]));
  }

  dismiss(call: number): void {
    if (call in this.#until) this.#until = { ...this.#until, [call]: 0 };
  }

  of(call: Call, now: () => number): Transfer | undefined {
    const until = this.#until[call.id];
    return until !== undefined && until > 0 && now() < until ? call.transfer : undefined;
  }
}
