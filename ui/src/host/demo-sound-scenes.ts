import type { Call, View } from '../generated/contract';
import { call, info, signedIn, talking, withCalls } from './demo-data';
import { devices, settings, soundState } from './demo-sound';

type Scene = () => View;
type Phone = NonNullable<View['phone']>;

function phone(edit: (phone: Phone, view: View) => void, from: Scene = signedIn): Scene {
  return () => {
    const view = structuredClone(from());
    if (view.phone) edit(view.phone, view);
    return view;
  };
}

const withoutJabra = devices.filter(({ name }) => name !== 'jabra');

/** With two PBXs, of which the first has codes. */
function twoPbxs(view: View): View {
  const copy = structuredClone(view);
  const office = copy.phone?.registrations['1'];
  if (copy.profile) {
    copy.profile.accounts['1'] = { pbx_name: 'Office', codes: { park: '700', pickup: '*8', redial: '*66' } };
    copy.profile.accounts['2'] = { pbx_name: 'Warehouse', codes: {} };
  }
  if (copy.phone && office) copy.phone.registrations['2'] = { ...office, account: '2', server: '10.0.7.2:5060' };
  return copy;
}

function outgoing(change: Partial<Call>): Scene {
  const out = { direction: 'outgoing', phase: 'ringing-there', remote_number: '+78126001010' } as const;
  return () => withCalls(signedIn(), [call(1, { ...out, ...change })]);
}

/** The sound settings in their states; what the view does not say, `demo-main.ts` opens. */
export const soundScenes: Record<string, Scene> = {
  settings: phone((_, view) => {
    const account = view.profile?.accounts['1'];
    if (account) account.codes = { echo_test: '*43' };
  }),
  'settings-absent': phone((phone, view) => {
    const away = { use: 'device', name: 'alsa_output.usb-GN_Audio_Jabra_EVOLVE_20-00.analog-stereo' } as const;
    phone.sound = soundState({ ...settings, capture: away, playback: away, ring: [away] }, withoutJabra);
    delete phone.headset;
    if (view.profile) view.profile.auto_answer = 'queue-calls';
  }),
  'settings-nothing': phone((phone) => {
    phone.sound = soundState({ ...settings, capture: { use: 'system' }, playback: { use: 'system' }, ring: [] }, []);
    delete phone.headset;
  }),
  'settings-listening': phone((phone, view) => {
    phone.sound = soundState({ ...settings, capture: { use: 'system' }, ring_tone: { tone: 'file', path: '' } });
    phone.sound.test = { test: 'level', step: 'listening' };
    phone.level = 74;
    phone.headset = { name: 'Jabra Evolve2 65', muted: true };
    if (view.profile) view.profile.auto_answer = 'queue-calls';
  }),
  'settings-recording': phone((phone) => {
    phone.sound.test = { test: 'record-and-play', step: 'recording', left_ms: 4_000 };
    phone.level = 99;
    phone.headset = { name: 'Jabra Evolve2 65', muted: false, problem: 'in-use' };
  }),
  'settings-playing': phone((phone) => {
    phone.sound.test = { test: 'record-and-play', step: 'playing', left_ms: 5_000 };
    phone.headset = { name: 'Jabra Evolve2 65', muted: false, problem: 'not-allowed' };
  }),
  'settings-in-call': phone(
    () => undefined,
    () => withCalls(signedIn(), [talking(1, 65_000)], [info()]),
  ),
  'by-itself': () => withCalls(signedIn(), [talking(1, 4_000, { answered_by_itself: true })], [info()]),
  forwarded: outgoing({ progress: 'forwarded' }),
  'line-there': outgoing({ progress: 'queued' }),
  'early-media': outgoing({ progress: 'early-media' }),
  codes: () =>
    twoPbxs(
      withCalls(
        signedIn(),
        [
          talking(1, 65_000, { answered_by_itself: true, headers: { 'X-Order': '2026-11-4412', 'X-Tariff': 'gold' } }),
          call(2, { account: '2', remote_number: '204', remote_name: 'Warehouse, gate 3' }),
        ],
        [info()],
      ),
    ),
};
