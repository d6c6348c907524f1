import { msgid, ngettext, t } from 'ttag';
import type {
  Command,
  CommandError,
  ConnectProblem,
  Notice,
  PhoneError,
  Problem,
  SessionEndReason,
} from '../generated/contract';
import { phoneNumber } from './format';

/** A text for a person: what failed, why, what to do; `detail` is the machine's own words. */
export interface Message {
  what: string;
  why?: string;
  remedy?: string;
  detail?: string;
}

type Reasoned = Omit<Message, 'what'>;

/** Why central refused, and what to do. */
export function problemText(problem: Problem | undefined): Reasoned {
  const detail = problem?.detail ?? problem?.title ?? '';
  switch (problem?.code) {
    case 'session-ended':
    case 'stale-fence':
      return { why: t`Your session here is over.`, remedy: t`Sign in again.` };
    case 'forbidden':
      return { why: t`Your role does not allow it.`, remedy: t`Ask your supervisor.`, detail };
    case 'unavailable':
      return { why: t`Central cannot do it at the moment.`, remedy: t`Try again in a minute.`, detail };
    case 'too-old':
      return { why: t`This program is too old for the server.`, remedy: t`Install the update.`, detail };
    case 'not-found':
      return { why: t`Central does not know it any more.`, remedy: t`Ask your administrator.`, detail };
    default:
      return {
        why: t`Central refused it.`,
        remedy: t`Try again; if it stays so, tell your administrator what stands in the details.`,
        detail,
      };
  }
}

/** Why signing in failed. `elsewhere` is a question, not a failure, and has its own place. */
export function connectProblemText(problem: Exclude<ConnectProblem, { code: 'elsewhere' }>): Message {
  const askAdministrator = t`Check the server address with your administrator.`;
  switch (problem.code) {
    case 'bad-address':
      return {
        what: t`The server address cannot be used`,
        why: t`It has to begin with https:// and name a server.`,
        remedy: t`Correct it, for example: https://linedesk.example.org`,
        detail: problem.detail,
      };
    case 'unknown-host':
      return {
        what: t`The server was not found`,
        why: t`Nothing on the network has this name.`,
        remedy: t`Check the spelling of the address and that this computer is on the network.`,
        detail: problem.detail,
      };
    case 'unreachable':
      return {
        what: t`The server cannot be reached`,
        why: t`Nobody answers at this address.`,
        remedy: t`Check the network cable or Wi-Fi and the address, then try again.`,
        detail: problem.detail,
      };
    case 'timeout':
      return {
        what: t`The server does not answer`,
        why: t`The network is very slow, or the server is overloaded.`,
        remedy: t`Try again in a minute.`,
      };
    case 'tls-name':
      return {
        what: t`You were not signed in: this may be another server`,
        why: t`Its certificate is made out to another name. Your password was not sent.`,
        remedy: askAdministrator,
        detail: problem.detail,
      };
    case 'tls-untrusted':
      return {
        what: t`You were not signed in: the server cannot be trusted`,
        why: t`Its certificate is unknown or has expired. Your password was not sent.`,
        remedy: t`Check the date of this computer; otherwise tell your administrator.`,
        detail: problem.detail,
      };
    case 'not-central':
      return {
        what: t`This is not a Linedesk server`,
        why: t`Something else answers at this address.`,
        remedy: askAdministrator,
        detail: problem.detail,
      };
    case 'refused':
      return refusalText(problem.problem);
  }
}

function refusalText(problem: Problem): Message {
  if (problem.code === 'wrong-credentials') {
    return {
      what: t`Name or password is wrong`,
      why: t`The server does not know this pair.`,
      remedy: t`Check the keyboard language and Caps Lock, then type the password again.`,
    };
  }
  if (problem.code === 'too-many-attempts') {
    const seconds = problem.retry_after_s ?? 60;
    return {
      what: t`Too many wrong passwords`,
      why: t`The server waits before it accepts another try.`,
      remedy: ngettext(msgid`Try again in ${seconds} second.`, `Try again in ${seconds} seconds.`, seconds),
    };
  }
  return { what: t`You were not signed in`, ...problemText(problem) };
}

/** Why the last session ended by itself. */
export function sessionEndText(reason: SessionEndReason): Message | undefined {
  switch (reason.why) {
    case 'moved': {
      const machine = reason.machine;
      return {
        what: t`You moved to ${machine}`,
        why: t`An operator works at one computer at a time.`,
        remedy: t`To come back here, sign in.`,
      };
    }
    case 'replaced-at-seat': {
      const name = reason.by;
      return { what: t`${name} took this seat`, why: t`Your shift ended with it.`, remedy: t`To come back, sign in.` };
    }
    case 'revoked':
      return {
        what: t`Your session has ended`,
        why: t`It expired, or an administrator ended it.`,
        remedy: t`Sign in again.`,
      };
    case 'signed-out':
      return undefined;
  }
}

/** A command the softphone did not carry out. */
export function commandErrorText(command: Command, error: CommandError | PhoneError): Message {
  const what = failedCommand(command);
  if (error.code === 'refused') return commandErrorText(command, error.error);
  const detail = 'message' in error ? error.message : '';
  switch (error.code) {
    case 'not-running':
    case 'lost':
      return {
        what,
        why: t`The softphone is not running at the moment.`,
        remedy: t`Wait until it is back; it is started again by itself.`,
      };
    case 'not-registered':
      return {
        what,
        why: t`The phone is not registered.`,
        remedy: t`Wait until it is; it is tried by itself.`,
        detail,
      };
    case 'bad-argument':
      return 'target' in command
        ? { what, why: t`This is not a number.`, remedy: t`Use digits, +, * and #.`, detail }
        : { what, why: t`The softphone cannot use what was chosen.`, remedy: t`Choose something else.`, detail };
    case 'wrong-phase':
      if (command.do === 'start-test')
        return { what, why: t`It does not go with a call.`, remedy: t`Try again when the call is over.`, detail };
      return { what, why: t`The call has changed meanwhile.`, remedy: t`Look at its card and try again.`, detail };
    case 'port-in-use':
      return {
        what,
        why: t`Another program uses the port of the phone.`,
        remedy: t`Close other phone programs, then restart the softphone.`,
        detail,
      };
    default:
      return {
        what,
        why: t`The softphone said no.`,
        remedy: t`Try again; if it stays so, tell your administrator what stands in the details.`,
        detail,
      };
  }
}

function failedCommand(command: Command): string {
  switch (command.do) {
    case 'answer':
      return t`The call was not answered`;
    case 'reject':
      return t`The call was not declined`;
    case 'hang-up':
      return t`The call was not hung up`;
    case 'hold':
      return t`The call was not put on hold`;
    case 'resume':
      return t`The call was not resumed`;
    case 'mute':
      return t`The microphone was not switched`;
    case 'dtmf':
      return t`The digits were not sent`;
    case 'dial':
      return t`The number was not dialled`;
    case 'hand-over':
    case 'blind-transfer':
    case 'complete-transfer':
      return t`The call was not handed over`;
    case 'consult':
      return t`The colleague was not called`;
    case 'cancel-transfer':
      return t`The call was not taken back`;
    case 'conference':
      return t`The conference was not changed`;
    case 'leave-conference':
      return t`The two were not left together`;
    case 'set-sound':
      return t`The sound setting was not changed`;
    case 'start-test':
    case 'stop-test':
      return t`The sound was not tested`;
    default:
      return t`The phone did not do it`;
  }
}

/** Things that happened (the host's notices). */
export function noticeText({ what }: Notice): Message {
  switch (what.notice) {
    case 'softphone-restarted': {
      const calls = what.calls;
      const lost =
        calls > 0
          ? ngettext(
              msgid`${calls} call was lost; its customer goes back to the queue, first in line.`,
              `${calls} calls were lost; their customers go back to the queue, first in line.`,
              calls,
            )
          : t`No call was lost.`;
      return { what: t`The softphone stopped and was started again`, why: lost, remedy: t`You can go on working.` };
    }
    case 'call-adopted':
      return {
        what: t`The window was started again during your call`,
        why: t`The call went on meanwhile, the customer noticed nothing.`,
      };
    case 'customer-returned': {
      const queue = what.queue;
      return {
        what: t`The customer is back in the queue ${queue}, first`,
        why: t`The call with the softphone was lost.`,
      };
    }
    case 'call-ended':
      return callEndText(what.record.call.remote_number, what.record.end.sip_status, what.record.end);
    case 'not-remembered':
      return {
        what: t`You will be asked for the password again at the next start`,
        why: t`This computer has no keyring that could keep it, so nothing is stored.`,
        remedy: t`Unlock or install a keyring, or go on like this.`,
        detail: what.detail,
      };
    case 'changed-at-pbx': {
      const queue = what.queue;
      return {
        what: queue === '' ? t`Your pause was changed at the PBX` : t`Your place in ${queue} was changed at the PBX`,
        why: t`A person did it there; it was taken over.`,
        remedy: t`You can change it back here.`,
      };
    }
    default:
      return { what: t`Something happened that this version does not know` };
  }
}

function callEndText(rawNumber: string, status: number, end: { by: string; reason: string }): Message {
  const number = phoneNumber(rawNumber);
  const detail = `${status} ${end.reason}`.trim();
  if (end.by === 'loss') {
    return {
      what: t`The call with ${number} broke off`,
      why: t`No sound came any more.`,
      remedy: t`Call again, and check the network if it happens often.`,
      detail,
    };
  }
  switch (status) {
    case 486:
    case 600:
      return { what: t`${number} is busy`, remedy: t`Try again later.`, detail };
    case 404:
    case 484:
    case 604:
      return { what: t`${number} does not exist`, remedy: t`Check the number.`, detail };
    case 408:
    case 480:
    case 487:
      return { what: t`${number} did not answer`, remedy: t`Try again later.`, detail };
    case 403:
    case 603:
      return {
        what: t`The call to ${number} was refused`,
        remedy: t`If you should be able to call it, tell your administrator.`,
        detail,
      };
    default:
      return { what: t`The call with ${number} ended`, why: t`The telephone system ended it.`, detail };
  }
}
