import { t } from 'ttag';
import type { Warning } from '../generated/contract';
import type { Message } from '../i18n/messages';

/** What is wrong with the sound of a call, and what to do; nothing for what a newer softphone says. */
export function warningText(warning: Warning): Message | undefined {
  switch (warning) {
    case 'microphone-silent':
      return {
        what: t`The customer cannot hear you`,
        why: t`Nothing comes from your microphone.`,
        remedy: t`Check its switch, or choose another one in the menu with your name.`,
      };
    case 'muted-speaking':
      return { what: t`You are muted, but speaking`, why: '', remedy: t`F11 lets them hear you.` };
    case 'clipping':
      return {
        what: t`You are too loud`,
        why: t`Your microphone distorts.`,
        remedy: t`Move it away from your mouth, or turn it down.`,
      };
    case 'far-silent':
      return {
        what: t`The other side is silent`,
        why: t`Their sound arrives, and nothing is in it.`,
        remedy: t`Ask whether they are muted.`,
      };
    case 'nothing-arrives':
      return {
        what: t`You cannot hear the other side`,
        why: t`No sound arrives from the PBX.`,
        remedy: t`If it lasts, call again.`,
      };
    case 'loss-here':
      return {
        what: t`You hear them badly`,
        why: t`Sound is lost on the way to you.`,
        remedy: t`A cable is better than Wi-Fi.`,
      };
    case 'loss-there':
      return {
        what: t`They hear you badly`,
        why: t`Sound is lost on the way from you.`,
        remedy: t`A cable is better than Wi-Fi.`,
      };
    case 'unknown':
      return undefined;
  }
}
