import type { Call, CallInfo, MeState, Membership, QueueFigures, Quality, View } from '../generated/contract';
import { soundState } from './demo-sound';

const minutes = 60_000;

export function membership(change: Partial<Membership> = {}): Membership {
  return {
    joined: true,
    fixed: false,
    paused: false,
    applied: 'applied',
    by: { who: 'operator' },
    changed_ms: Date.now() - 90 * minutes,
    ...change,
  };
}

export function figures(name: string, change: Partial<QueueFigures> = {}): QueueFigures {
  return { name, waiting: 0, free: 2, live: true, ...change };
}

export const quality: Quality = {
  codec: 'G722',
  clock_rate: 16_000,
  rx_packets: 12_000,
  tx_packets: 12_010,
  rx_loss_percent: 0.2,
  tx_loss_percent: 0,
  rx_jitter_ms: 3.6,
  rtt_ms: 38,
  mos: 4.2,
};

export function call(id: number, change: Partial<Call> = {}): Call {
  return {
    id,
    account: '1',
    sip_call_id: `call-${id}@demo`,
    direction: 'incoming',
    phase: 'ringing',
    remote_number: '+74951234567',
    started_at_ms: Date.now() - 4_000,
    age_ms: 4_000,
    muted: false,
    encrypted: true,
    ...change,
  };
}

export function talking(id: number, talkMs: number, change: Partial<Call> = {}): Call {
  return call(id, {
    phase: 'talking',
    age_ms: talkMs + 6_000,
    talk_ms: talkMs,
    started_at_ms: Date.now() - talkMs - 6_000,
    answered_at_ms: Date.now() - talkMs,
    quality,
    ...change,
  });
}

export function info(change: Partial<CallInfo> = {}): CallInfo {
  return {
    queue: 1,
    queue_name: 'Support',
    project: 'ACME delivery',
    greeting: 'ACME delivery, Anna speaking, good afternoon',
    caller_number: '+74951234567',
    caller_name: 'Ivan Petrov',
    waiting_since_ms: Date.now() - 42_000,
    ...change,
  };
}

export function me(): MeState {
  return {
    status: { kind: 'available', since_ms: Date.now() - 12 * minutes - 5_000, by: { who: 'operator' } },
    memberships: {
      1: membership(),
      2: membership(),
      3: membership({ joined: false, fixed: true, paused: true }),
    },
    phones: {
      1: { number: '101', pbx: 1, state: 'reachable', since_ms: Date.now() - 90 * minutes, register_again: 0 },
    },
    pbxs: { 1: { name: 'Office', up: true, since_ms: Date.now() - 600 * minutes, managed: true } },
    calls: {},
  };
}

/** A signed-in operator, available, all well, no calls. */
export function signedIn(): View {
  return {
    session: {
      state: 'signed-in',
      server: 'https://linedesk.example.org',
      remembered: true,
      me: {
        user: { id: 7, username: 'anna', display_name: 'Anna Krylova', role: 'operator' },
        tenant: 'ACME contact centre',
        session: 'demo',
        at_ms: Date.now(),
      },
    },
    central: { state: 'connected', since_ms: Date.now() - 90 * minutes },
    softphone: { state: 'running', since_ms: Date.now() - 90 * minutes, deaths: 0 },
    phone: {
      registrations: {
        1: {
          account: '1',
          state: 'registered',
          contact: 'sip:101@127.0.0.1',
          server: 'pbx.example.org:5061',
          transport: 'tls',
          since_ms: Date.now() - 90 * minutes,
          expires_s: 120,
          sip_status: 200,
          reason: 'OK',
        },
      },
      calls: {},
      sound: soundState(),
      headset: { name: 'Jabra Evolve2 65', muted: false },
    },
    profile: {
      echo_cancellation: true,
      noise_suppression: false,
      gain_control: false,
      auto_answer: 'off',
      accounts: { 1: { pbx_name: 'Office', codes: {} } },
    },
    me: me(),
    queues: {
      queues: {
        1: figures('Support', { project: 'ACME delivery', waiting: 3, longest_since_ms: Date.now() - 42_000 }),
        2: figures('Sales', { free: 1 }),
        3: figures('Night line'),
      },
    },
    reasons: [
      { id: 1, names: { en: 'Lunch', ru: 'Обед' }, class: 'rest', limit_min: 30 },
      { id: 2, names: { en: 'Short break', ru: 'Короткий перерыв' }, class: 'rest', limit_min: 10 },
      { id: 3, names: { en: 'Callbacks', ru: 'Перезвоны' }, class: 'work' },
      { id: 4, names: { en: 'Training', ru: 'Обучение' }, class: 'training' },
      { id: 5, names: { en: 'Technical trouble', ru: 'Технические неполадки' }, class: 'technical' },
    ],
    server_offset_ms: 0,
    notices: {},
  };
}

export function signedOut(): View {
  return {
    ...signedIn(),
    session: { state: 'signed-out', server: 'https://linedesk.example.org', username: 'anna' },
    central: { state: 'off', since_ms: Date.now() },
    softphone: { state: 'off', since_ms: Date.now(), deaths: 0 },
  };
}

/** A copy with these calls and what central knows of them, in the same order. */
export function withCalls(view: View, calls: Call[], infos: (CallInfo | undefined)[] = []): View {
  const known = calls.flatMap((each, at) => (infos[at] ? [[each.sip_call_id, infos[at]] as const] : []));
  if (!view.phone || !view.me) return view;
  return {
    ...view,
    phone: { ...view.phone, calls: Object.fromEntries(calls.map((each) => [each.id, each])) },
    me: { ...view.me, calls: Object.fromEntries(known) },
  };
}
