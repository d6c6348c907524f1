import type { AudioDevice, Command, DeviceChoice, SoundSettings, SoundState } from '../generated/contract';

const both = (name: string, label: string, is_default = false): AudioDevice[] =>
  [true, false].map((capture) => ({ name, label, capture, is_default }));

export const devices: AudioDevice[] = [
  ...both('jabra', 'Jabra Evolve2 65'),
  ...both('built-in', 'Built-in Audio Analog Stereo', true),
  { name: 'monitor', label: 'Dell U2722 (HDMI)', capture: false, is_default: false },
];

const jabra: DeviceChoice = { use: 'device', name: 'jabra' };

export const settings: SoundSettings = {
  capture: jabra,
  playback: jabra,
  ring: [jabra, { use: 'system' }],
  volumes: { 'in:jabra': 120 },
  ring_volume: 60,
  ring_tone: { tone: 'classic' },
  hold_reminder_s: 45,
  call_waiting_beep: true,
  headset_buttons: true,
};

/** What the softphone says with these settings and devices: what is absent is replaced by what the system prefers. */
export function soundState(chosen: SoundSettings = settings, here: AudioDevice[] = devices): SoundState {
  const find = (choice: DeviceChoice, capture: boolean): AudioDevice | undefined => {
    const all = here.filter((device) => device.capture === capture);
    const wanted = all.find(({ name }) => choice.use === 'device' && name === choice.name);
    return wanted ?? all.find(({ is_default }) => is_default) ?? all[0];
  };
  const capture = find(chosen.capture, true);
  const playback = find(chosen.playback, false);
  const ring = chosen.ring.flatMap((choice) => find(choice, false) ?? []);
  return {
    capture: chosen.capture,
    playback: chosen.playback,
    ...(capture && { capture_device: capture }),
    ...(playback && { playback_device: playback }),
    problem: '',
    settings: chosen,
    ring_devices: [...new Set(ring)],
    devices: here,
  };
}

/** What becomes of the phone's sound by a command; nothing when it is not about sound. */
export function soundPatch(command: Command, sound: SoundState | undefined): object | undefined {
  switch (command.do) {
    case 'set-sound': {
      const optional = { noise_suppression: null, gain_control: null, echo_cancellation: null };
      const settings = { ...optional, ...command.settings };
      return { sound: { ...soundState(command.settings, sound?.devices), settings } };
    }
    case 'start-test': {
      const step = { level: 'listening', tone: 'playing', ring: 'playing', 'record-and-play': 'recording' }[
        command.test
      ];
      const left_ms = command.test === 'level' ? null : command.test === 'record-and-play' ? 5_000 : 1_500;
      const device = command.test === 'tone' ? (command.device ?? null) : null;
      const heard = command.test === 'level' || command.test === 'record-and-play';
      return { level: heard ? 72 : null, sound: { test: { test: command.test, device, step, left_ms } } };
    }
    case 'stop-test':
      return { level: null, sound: { test: null } };
    default:
      return undefined;
  }
}
