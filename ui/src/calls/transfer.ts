import { t } from 'ttag';
import type { Call, Transfer } from '../generated/contract';
import { phoneNumber } from '../i18n/format';
import type { Message } from '../i18n/messages';
import { RING_S } from '../state/actions.svelte';

/** `Handing over to 204`, and how far it is. */
export interface TransferLine {
  what: string;
  step: string | undefined;
}

export function transferLine(transfer: Transfer): TransferLine {
  const to = phoneNumber(transfer.to);
  switch (transfer.step) {
    case 'joining':
      return { what: t`Joining…`, step: undefined };
    case 'done':
      return { what: t`Handed over to ${to}`, step: undefined };
    default:
      return {
        what: transfer.kind === 'consult' ? t`Asking ${to} first` : t`Handing over to ${to}`,
        step: stepWord(transfer),
      };
  }
}

function stepWord({ step }: Transfer): string | undefined {
  if (step === 'ringing') return t`ringing there`;
  return step === 'consulting' ? t`on the line` : undefined;
}

/** Nothing for what the operator took back. */
export function transferFailure(transfer: Transfer): Message | undefined {
  const to = phoneNumber(transfer.to);
  const what = t`Not handed over`;
  switch (transfer.failure) {
    case 'cancelled':
      return undefined;
    case 'busy':
      return { what, why: t`${to} is busy.` };
    case 'refused':
      return { what, why: t`${to} refused the call.` };
    case 'no-answer': {
      const seconds = RING_S;
      // With a SIP status it was the PBX that gave up, and sooner.
      const why =
        transfer.sip_status === undefined
          ? t`Nobody answered at ${to} within ${seconds} s.`
          : t`Nobody answered at ${to}.`;
      return { what, why };
    }
    case 'not-joined':
      return {
        what,
        why: t`The PBX did not join the calls.`,
        remedy: t`Try again; if it stays so, tell your administrator.`,
      };
    default:
      return { what, why: t`${to} cannot be reached.`, remedy: t`Check the number.` };
  }
}

/** Seen last in this state, so it went over: the PBX may end the call before it says that it joined the two. */
export function wasHandedOver(call: Call): boolean {
  return call.transfer?.step === 'done' || call.transfer?.step === 'joining';
}
