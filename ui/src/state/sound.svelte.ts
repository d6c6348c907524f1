import type { AudioDevice, Command, DeviceChoice, SoundSettings, SoundTest } from '../generated/contract';
import type { Desk } from './desk.svelte';
import { choiceKey } from './devices';

/** What a softphone that says nothing of it does. */
const usual: SoundSettings = {
  capture: { use: 'system' },
  playback: { use: 'system' },
  ring: [{ use: 'system' }],
  volumes: {},
  ring_volume: 60,
  ring_tone: { tone: 'classic' },
  hold_reminder_s: 45,
  call_waiting_beep: true,
  headset_buttons: true,
};

export const MOST_VOLUME = 400;

/** Sound as the person chooses it. The softphone owns what is chosen; it is always told all of it. */
export class SoundWishes {
  readonly #tell: (command: Command) => Promise<unknown>;
  readonly #desk: Desk;
  /** Asked for and not answered yet: the next change must not undo it. */
  #asked: SoundSettings | undefined;
  #waiting = 0;

  constructor(desk: Desk, tell: (command: Command) => Promise<unknown>) {
    this.#desk = desk;
    this.#tell = tell;
  }

  readonly settings: SoundSettings = $derived.by(() => {
    const sound = this.#desk.phone?.sound;
    return sound?.settings ?? (sound ? { ...usual, capture: sound.capture, playback: sound.playback } : usual);
  });

  async choose(change: Partial<SoundSettings>): Promise<void> {
    this.#asked = { ...(this.#asked ?? this.settings), ...change };
    this.#waiting += 1;
    await this.#tell({ do: 'set-sound', settings: this.#asked });
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#asked = undefined;
  }

  /** As the administrator set it when `wish` is nothing. */
  process(what: 'noise_suppression' | 'gain_control' | 'echo_cancellation', wish: boolean | undefined): Promise<void> {
    const others = Object.entries(this.#asked ?? this.settings).filter(([name]) => name !== what);
    this.#asked = Object.fromEntries(others) as SoundSettings;
    return this.choose(wish === undefined ? {} : { [what]: wish });
  }

  setVolume(device: Pick<AudioDevice, 'name' | 'capture'>, percent: number): Promise<void> {
    return this.choose({ volumes: { ...(this.#asked ?? this.settings).volumes, [volumeKey(device)]: percent } });
  }

  volume(device: Pick<AudioDevice, 'name' | 'capture'>): number {
    return this.settings.volumes[volumeKey(device)] ?? 100;
  }

  setRinging(choice: DeviceChoice, rings: boolean): Promise<void> {
    const others = (this.#asked ?? this.settings).ring.filter((each) => choiceKey(each) !== choiceKey(choice));
    return this.choose({ ring: rings ? [...others, choice] : others });
  }

  start = (test: SoundTest): Promise<unknown> => this.#tell({ do: 'start-test', ...test });
  stop = (): Promise<unknown> => this.#tell({ do: 'stop-test' });
}

/** As the softphone names a device in `volumes`. */
function volumeKey({ name, capture }: Pick<AudioDevice, 'name' | 'capture'>): string {
  return `${capture ? 'in' : 'out'}:${name}`;
}
