import type { Call, ConnectProblem, SessionEndReason, Transfer, View } from '../generated/contract';
import { call, figures, info, me, membership, quality, signedIn, signedOut, talking, withCalls } from './demo-data';
import { soundScenes } from './demo-sound-scenes';

const minutes = 60_000;
const ago = (ms: number): number => Date.now() - ms;

function problem(of: ConnectProblem): () => View {
  return () => ({ ...signedOut(), central: { state: 'off', since_ms: Date.now(), problem: of } });
}

function refused(code: 'wrong-credentials' | 'too-many-attempts' | 'too-old'): () => View {
  return problem({ code: 'refused', problem: { status: 401, code, title: code, retry_after_s: 30 } });
}

function ended(reason: SessionEndReason): () => View {
  return () => ({
    ...signedOut(),
    session: { state: 'signed-out', server: 'https://linedesk.example.org', username: 'anna', ended: reason },
  });
}

function change(edit: (view: View) => void): () => View {
  return () => {
    const view = structuredClone(signedIn());
    edit(view);
    return view;
  };
}

function inTalk(): View {
  return withCalls(
    signedIn(),
    [talking(1, 247_000)],
    [info({ answered_ms: ago(247_000), waiting_since_ms: ago(289_000) })],
  );
}

function withTransfer(view: View, transfer: Partial<Transfer>): View {
  const customer = view.phone?.calls['1'];
  if (customer) customer.transfer = { kind: 'hand-over', to: '204', step: 'calling', ...transfer };
  return view;
}

/** The customer waits while a colleague is called, or spoken with. */
function handedOver(transfer: Partial<Transfer>, colleague: Partial<Call>): View {
  const view = withTransfer(inTalk(), transfer);
  const calls = view.phone?.calls ?? {};
  Object.assign(calls['1'] ?? {}, { phase: 'held', hold_ms: 21_000 });
  calls['2'] = call(2, {
    direction: 'outgoing',
    ...colleague,
    remote_number: '204',
    consults_for: 1,
  });
  return view;
}

/** Every state that a screenshot or page test looks at, by name. */
export const scenes: Record<string, () => View | undefined> = {
  loading: () => undefined,
  'sign-in': signedOut,
  'sign-in-first': () => ({
    ...signedOut(),
    session: { state: 'signed-out', server: '', username: '' },
  }),
  'signing-in': () => ({ ...signedOut(), session: { state: 'signing-in' } }),
  'sign-in-wrong': refused('wrong-credentials'),
  'sign-in-too-many': refused('too-many-attempts'),
  'sign-in-unreachable': problem({ code: 'unreachable', detail: 'Connection refused (os error 111)' }),
  'sign-in-unknown-host': problem({ code: 'unknown-host', detail: 'Name or service not known' }),
  'sign-in-tls-name': problem({ code: 'tls-name', detail: 'certificate is for central.example.com' }),
  'sign-in-tls-untrusted': problem({ code: 'tls-untrusted', detail: 'UnknownIssuer' }),
  'sign-in-not-central': problem({ code: 'not-central', detail: '404 text/html' }),
  'sign-in-timeout': problem({ code: 'timeout' }),
  'sign-in-bad-address': problem({ code: 'bad-address', detail: 'relative URL without a base' }),
  'sign-in-elsewhere': problem({
    code: 'elsewhere',
    elsewhere: { machine: { id: 'x', name: 'DESK-12' }, since_ms: ago(95 * minutes), connected: true },
  }),
  'ended-moved': ended({ why: 'moved', machine: 'DESK-12' }),

  desk: signedIn,
  'desk-loading': change((view) => {
    delete view.me;
    delete view.queues;
    delete view.phone;
    view.central.state = 'connecting';
    view.softphone.state = 'starting';
  }),
  ringing: () => withCalls(signedIn(), [call(1)], [info()]),
  'ringing-direct': () => withCalls(signedIn(), [call(1, { remote_number: '104', remote_name: 'Olga Sidorova' })]),
  talking: inTalk,
  'sound-warnings': () =>
    withCalls(
      signedIn(),
      [
        talking(1, 151_000, {
          muted: true,
          warnings: ['muted-speaking', 'loss-here'],
          quality: { ...quality, mos: 2.9 },
        }),
      ],
      [info()],
    ),
  'two-calls': () => {
    const view = withCalls(
      signedIn(),
      [
        call(3),
        talking(2, 247_000, { remote_number: '+79215552010', muted: true, quality: { ...quality, mos: 3.3 } }),
        talking(1, 400_000, { phase: 'held', hold_ms: 62_000, remote_number: '204', remote_name: 'Warehouse' }),
      ],
      [info(), info({ caller_name: 'Maria Orlova', caller_number: '+79215552010', queue_name: 'Sales' })],
    );
    if (view.me) view.me.next = { kind: 'break', reason: 1, chosen_at_ms: Date.now() };
    return view;
  },
  'transfer-box': inTalk,
  'handing-over': () => handedOver({ kind: 'hand-over', step: 'ringing' }, { phase: 'ringing-there' }),
  'asking-first': () => handedOver({ kind: 'consult', step: 'ringing' }, { phase: 'ringing-there' }),
  consulting: () => handedOver({ kind: 'consult', step: 'consulting' }, talking(2, 14_000, { direction: 'outgoing' })),
  joining: () => handedOver({ kind: 'hand-over', step: 'joining' }, talking(2, 1_000, { direction: 'outgoing' })),
  'transfer-failed': () => withTransfer(inTalk(), { kind: 'hand-over', step: 'failed', failure: 'no-answer' }),
  'transfer-failed-long': () =>
    withTransfer(inTalk(), { kind: 'consult', step: 'failed', failure: 'not-joined', to: '+74951234567' }),
  conference: () =>
    withCalls(
      signedIn(),
      [
        talking(1, 247_000, { conference: true }),
        talking(2, 90_000, { conference: true, direction: 'outgoing', remote_number: '204', remote_name: 'Warehouse' }),
        talking(3, 400_000, { phase: 'held', hold_ms: 12_000, remote_number: '+79215552010' }),
      ],
      [info({ answered_ms: ago(247_000), waiting_since_ms: ago(289_000) })],
    ),
  dialing: () =>
    withCalls(signedIn(), [call(1, { direction: 'outgoing', phase: 'ringing-there', remote_number: '+78126001010' })]),
  ...soundScenes,
  'call-window': () => withCalls(signedIn(), [call(1)], [info()]),
  'call-window-unknown': () => withCalls(signedIn(), [call(1, { remote_number: 'anonymous' })]),
  'call-window-long': () =>
    withCalls(
      signedIn(),
      [call(1), call(2), call(3)],
      [
        info({
          queue_name: 'Претензии и возвраты корпоративных клиентов',
          project: 'Северо-Западная служба доставки крупных грузов',
          caller_name: 'Константинопольский Вячеслав Александрович',
          waiting_since_ms: ago(3_725_000),
        }),
      ],
    ),
  adopted: () => ({
    ...inTalk(),
    notices: { 1: { at_ms: ago(2_000), what: { notice: 'call-adopted' } } },
  }),
  break: change((view) => {
    if (view.me)
      view.me.status = {
        kind: 'break',
        reason: 1,
        since_ms: ago(14 * minutes),
        until_ms: Date.now() + 16 * minutes,
        by: { who: 'operator' },
      };
  }),
  'break-over': change((view) => {
    if (view.me)
      view.me.status = {
        kind: 'break',
        reason: 1,
        since_ms: ago(34 * minutes),
        until_ms: ago(4 * minutes),
        by: { who: 'operator' },
      };
  }),
  'after-call': change((view) => {
    if (view.me)
      view.me.status = {
        kind: 'after-call',
        since_ms: ago(4_000),
        until_ms: Date.now() + 11_000,
        by: { who: 'system' },
      };
  }),
  stale: change((view) => {
    view.central = {
      state: 'lost',
      since_ms: ago(9 * minutes),
      problem: { code: 'unreachable', detail: 'No route to host' },
    };
  }),
  troubles: change((view) => {
    view.softphone = { state: 'failed', since_ms: ago(1_000), deaths: 3, problem: 'signal 11 (core dumped)' };
    delete view.phone;
    view.central = { state: 'lost', since_ms: ago(9 * minutes) };
  }),
  'wrong-secret': change((view) => {
    const registration = view.phone?.registrations['1'];
    if (registration)
      Object.assign(registration, { state: 'failed', sip_status: 403, problem: 'wrong-secret', reason: 'Forbidden' });
    if (view.phone) {
      delete view.phone.sound.capture_device;
      delete view.phone.sound.playback_device;
      view.phone.sound.problem = 'no sound card';
    }
  }),
  notices: change((view) => {
    view.notices = {
      1: { at_ms: ago(180_000), what: { notice: 'not-remembered', detail: 'org.freedesktop.secrets is not provided' } },
      2: { at_ms: ago(120_000), what: { notice: 'changed-at-pbx', queue: 'Support' } },
      3: { at_ms: ago(60_000), what: { notice: 'customer-returned', queue: 'Support' } },
      4: { at_ms: ago(5_000), what: { notice: 'softphone-restarted', calls: 1 } },
    };
  }),
  'many-queues': change((view) => {
    const names = ['Support', 'Sales', 'Night line', 'Complaints', 'Corporate clients of the north', 'VIP', 'Returns'];
    const states = [
      membership(),
      membership({ applied: 'pending' }),
      membership({ joined: false, fixed: true }),
      membership({ joined: false, applied: 'failed', problem: 'Unable to remove interface: Not there' }),
      membership({ by: { who: 'pbx' } }),
      membership({ applied: 'unknown' }),
      membership(),
    ];
    view.queues = { queues: {} };
    view.me = { ...me(), memberships: {} };
    names.forEach((name, at) => {
      const wait = at % 2 === 0 ? { waiting: at + 1, longest_since_ms: ago(30_000 * (at + 1)) } : {};
      if (view.queues) view.queues.queues[at + 1] = figures(name, wait);
      const state = states[at];
      if (view.me && state) view.me.memberships[at + 1] = state;
    });
  }),
};
