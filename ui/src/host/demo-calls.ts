import type { Call, Command } from '../generated/contract';
import { call as newCall, quality } from './demo-data';

type Calls = Readonly<Record<string, Call>>;
/** Changes of calls by their number; `null` ends one. */
type Patch = Record<number, Partial<Record<keyof Call, unknown>> | null>;

const held = { phase: 'held', hold_ms: 0 };
const talks = { phase: 'talking', hold_ms: null };

/** What becomes of the calls by a command, step by step: an idea of the softphone that obeys at once. */
export function callPatches(command: Command, calls: Calls): Patch[] {
  const running = Object.values(calls).filter(({ phase }) => phase === 'talking');
  const all = (change: Patch[number]): Patch => Object.fromEntries(running.map(({ id }) => [id, change]));
  switch (command.do) {
    case 'answer': {
      const answered = { phase: 'talking', talk_ms: 0, answered_at_ms: Date.now(), quality };
      return [{ ...all(command.end_running ? null : held), [command.call]: answered }];
    }
    case 'reject':
    case 'hang-up':
      return [{ [command.call]: null }];
    case 'hold':
      return [{ [command.call]: held }];
    case 'resume':
      return [{ ...all(held), [command.call]: talks }];
    case 'mute':
      return [{ [command.call]: { muted: command.muted } }];
    case 'hand-over':
    case 'consult': {
      const id = Math.max(...Object.keys(calls).map(Number)) + 1;
      const colleague = newCall(id, {
        direction: 'outgoing',
        phase: 'ringing-there',
        remote_number: command.target,
        consults_for: command.call,
      });
      const transfer = { kind: command.do, to: command.target, step: 'ringing', failure: null };
      return [{ ...all(held), [command.call]: { ...held, transfer }, [id]: { ...colleague } }];
    }
    case 'blind-transfer':
      return [{ [command.call]: { transfer: { kind: 'blind', to: command.target, step: 'calling', failure: null } } }];
    case 'cancel-transfer': {
      const transfer = { step: 'failed', failure: 'cancelled' };
      return [{ [command.call]: { ...talks, transfer }, ...colleague(calls, command.call, null) }];
    }
    case 'complete-transfer':
      return calls[command.call]?.transfer?.step === 'consulting'
        ? together(calls, command.call)
        : [{ [command.call]: { transfer: { kind: 'hand-over' } } }];
    case 'conference':
      return [conference(command.calls, calls)];
    case 'leave-conference':
      return [Object.fromEntries(members(calls).map(({ id }) => [id, null]))];
    default:
      return [];
  }
}

function colleague(calls: Calls, about: number, change: Patch[number]): Patch {
  const leg = Object.values(calls).find(({ consults_for }) => consults_for === about);
  return leg ? { [leg.id]: change } : {};
}

function together(calls: Calls, id: number): Patch[] {
  return [{ [id]: { transfer: { step: 'done' } } }, { [id]: null, ...colleague(calls, id, null) }];
}

function members(calls: Calls): Call[] {
  return Object.values(calls).filter(({ conference }) => conference);
}

function conference(ids: number[], calls: Calls): Patch {
  const leaving = members(calls).filter(({ id }) => !ids.includes(id));
  const joined = { ...talks, conference: ids.length > 1 || null, consults_for: null, transfer: null };
  return Object.fromEntries([
    ...leaving.map(({ id }) => [id, { ...held, conference: null }] as const),
    ...ids.map((id) => [id, joined] as const),
  ]);
}
