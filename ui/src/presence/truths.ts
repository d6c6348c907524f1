import { msgid, ngettext, t } from 'ttag';
import type { Registration } from '../generated/contract';
import type { Desk } from '../state/desk.svelte';
import { timeOfDay } from '../i18n/format';
import type { Message } from '../i18n/messages';

export type TruthState = 'ok' | 'busy' | 'trouble';

export interface Truth {
  state: TruthState;
  /** One line for the tooltip. */
  text: string;
  /** Said below the header while it is not well. */
  problem?: Problem;
}

export interface Problem {
  code: string;
  message: Message;
  /** A way out that is one key away. */
  action?: 'restart-softphone' | 'register' | 'choose-sound';
}

/** Phone: the softphone runs, our contact stands at the registrar, and the PBX can reach it. */
export function phoneTruth(desk: Desk): Truth {
  const process = desk.softphone;
  if (!process || process.state === 'off' || process.state === 'starting')
    return { state: 'busy', text: t`Phone: starting` };
  if (process.state === 'failed') return failedSoftphone(process.problem ?? '', process.deaths);
  if (process.state === 'restarting') {
    const message = {
      what: t`The softphone stopped`,
      why: t`It is being started again.`,
      remedy: t`Wait a moment.`,
      detail: process.problem ?? '',
    };
    return trouble(t`Phone: being started again`, 'softphone-restarting', message);
  }
  const registrations = Object.values(desk.phone?.registrations ?? {});
  const failed = registrations.find(({ state }) => state === 'failed');
  if (failed) return failedRegistration(failed);
  if (registrations.length === 0 || registrations.some(({ state }) => state !== 'registered'))
    return { state: 'busy', text: t`Phone: registering` };
  const phones = Object.values(desk.me?.phones ?? {});
  const unreachable = desk.stale ? undefined : phones.find(({ state }) => state === 'unreachable');
  const missing = desk.stale ? undefined : phones.find(({ state }) => state === 'not-registered');
  if (unreachable || missing) {
    const number = (unreachable ?? missing)?.number ?? '';
    const message = {
      what: t`The PBX cannot ring your phone ${number}`,
      why: unreachable ? t`It knows the phone, but gets no answer from it.` : t`It does not have its registration.`,
      remedy: t`Register again; if it stays so, check the network.`,
    };
    return { ...trouble(t`Phone: the PBX cannot reach it`, 'phone-not-at-pbx', message, 'register') };
  }
  return {
    state: 'ok',
    text: registrations.map((each) => registered(desk, each, registrations.length > 1)).join('\n'),
  };
}

const transports = { udp: 'UDP', tcp: 'TCP', tls: 'TLS' } as const;

/** `Phone 101: registered through pbx.example:5061 over TLS since 10:42`; of several, with the name of the PBX. */
function registered(desk: Desk, { account, server, transport, since_ms }: Registration, several: boolean): string {
  const number = desk.me?.phones[account]?.number;
  const pbx = several ? desk.view?.profile?.accounts[account]?.pbx_name : undefined;
  const name = [number, pbx].filter(Boolean).join(', ');
  const who = name ? t`Phone ${name}` : t`Phone`;
  if (server === undefined || transport === undefined) return t`${who}: registered`;
  const since = timeOfDay(since_ms);
  const way = transports[transport];
  return t`${who}: registered through ${server} over ${way} since ${since}`;
}

function failedSoftphone(detail: string, deaths: number): Truth {
  const message = {
    what: t`The softphone does not stay up`,
    why: ngettext(
      msgid`It stopped ${deaths} time within five minutes, so it is not started again by itself.`,
      `It stopped ${deaths} times within five minutes, so it is not started again by itself.`,
      deaths,
    ),
    remedy: t`Restart it; if it stops again, tell your administrator what stands in the details.`,
    detail,
  };
  return trouble(t`Phone: stopped`, 'softphone-failed', message, 'restart-softphone');
}

/** Only the code decides what is said; the softphone's own words are for the details. */
function failedRegistration({ problem, sip_status: status, reason }: Registration): Truth {
  const what = t`Your phone is not registered`;
  const detail = `${status || ''} ${reason}`.trim();
  const tellDetails = t`Tell your administrator what stands in the details.`;
  switch (problem) {
    case 'wrong-secret': {
      const message = {
        what: t`The PBX refused your phone`,
        why: t`Its name or password at the PBX is wrong.`,
        remedy: t`Tell your administrator: the phone’s secret has to be set again.`,
        detail,
      };
      return trouble(t`Phone: refused by the PBX`, 'phone-wrong-secret', message);
    }
    case 'unknown-account': {
      const message = { what, why: t`The PBX does not know its number.`, remedy: tellDetails, detail };
      return trouble(t`Phone: not known at the PBX`, 'phone-unknown-account', message, 'register');
    }
    case 'port-in-use': {
      const message = {
        what,
        why: t`Another program uses its port.`,
        remedy: t`Close other phone programs, then restart the softphone.`,
        detail,
      };
      return trouble(t`Phone: its port is taken`, 'port-in-use', message, 'restart-softphone');
    }
    case 'tls-name': {
      const message = { what, why: t`The PBX’s certificate is for another name.`, remedy: tellDetails, detail };
      return trouble(t`Phone: the PBX cannot be trusted`, 'phone-tls-name', message);
    }
    case 'tls-untrusted': {
      const message = {
        what,
        why: t`The PBX’s certificate is not the one it should have.`,
        remedy: tellDetails,
        detail,
      };
      return trouble(t`Phone: the PBX cannot be trusted`, 'phone-tls-untrusted', message);
    }
    case 'timeout':
    case 'unreachable': {
      const message = {
        what,
        why: t`The PBX does not answer. It is tried again by itself.`,
        remedy: t`Check the network; if others have it too, tell your administrator.`,
        detail,
      };
      return trouble(t`Phone: not registered`, 'phone-unreachable', message, 'register');
    }
    case 'refused': {
      const message = { what, why: t`The PBX refused it.`, remedy: tellDetails, detail };
      return trouble(t`Phone: not registered`, 'phone-refused', message, 'register');
    }
    default: {
      // The softphone could not even ask, or is of another version than this window.
      const message = { what, why: t`The softphone says why in the details.`, remedy: tellDetails, detail };
      return trouble(t`Phone: not registered`, 'phone-not-registered', message, 'restart-softphone');
    }
  }
}

/** Central: what is shown is live. */
export function centralTruth(desk: Desk): Truth {
  const link = desk.central;
  if (link?.state === 'connected') return { state: 'ok', text: t`Central: connected` };
  if (link?.state !== 'lost') return { state: 'busy', text: t`Central: connecting` };
  const since = timeOfDay(link.since_ms);
  const message = {
    what: t`No link to central since ${since}`,
    why:
      phoneTruth(desk).state === 'ok'
        ? t`Queues and statuses are as of then. The phone works.`
        : t`Queues and statuses are as of then.`,
    remedy: t`It is tried again by itself; if it lasts, check the network.`,
    ...(link.problem && 'detail' in link.problem ? { detail: link.problem.detail } : {}),
  };
  return trouble(t`Central: no link since ${since}`, 'central-lost', message);
}

/** Sound: both devices are open. */
export function soundTruth(desk: Desk): Truth {
  const sound = desk.phone?.sound;
  if (!sound) return { state: 'busy', text: t`Sound: not known yet` };
  const { capture_device: capture, playback_device: playback, problem: detail } = sound;
  if (capture && playback && detail === '') {
    const names = [...new Set([playback.label, capture.label])].join(' · ');
    return { state: 'ok', text: t`Sound: ${names}` };
  }
  const remedy = t`Plug in the headset, or choose another device in the menu with your name.`;
  if (!capture && !playback) {
    const message = { what: t`There is no sound device`, why: t`Calls connect, but they are silent.`, remedy, detail };
    return trouble(t`Sound: no device`, 'no-sound', message, 'choose-sound');
  }
  if (capture && playback) {
    const what = t`Something is wrong with the sound`;
    const why = t`Calls are heard all the same; what does not work stands in the details.`;
    const message = {
      what,
      why,
      remedy: t`Try it, or choose something else, in the menu with your name under “Sound”.`,
      detail,
    };
    return trouble(t`Sound: trouble`, 'sound-trouble', message, 'choose-sound');
  }
  const message = {
    what: capture ? t`You cannot hear the customer` : t`The customer cannot hear you`,
    why: capture ? t`The playback device cannot be used.` : t`The microphone cannot be used.`,
    remedy,
    detail,
  };
  return trouble(t`Sound: trouble`, 'sound-trouble', message, 'choose-sound');
}

/** Links between central and the PBXs that are down: figures and memberships are as of then. */
export function pbxProblems(desk: Desk): Problem[] {
  if (desk.stale) return [];
  return Object.values(desk.me?.pbxs ?? {})
    .filter(({ up }) => !up)
    .map(({ name, since_ms }) => {
      const since = timeOfDay(since_ms);
      return {
        code: 'pbx-away',
        message: {
          what: t`Central has no link to the PBX ${name} since ${since}`,
          why: t`Queue figures are as of then; what you choose is carried out when the link is back.`,
          remedy: t`Nothing to do for you: calls still ring.`,
        },
      };
    });
}

function trouble(text: string, code: string, message: Message, action?: Problem['action']): Truth {
  return { state: 'trouble', text, problem: { code, message, ...(action ? { action } : {}) } };
}
