import type { AudioDevice, DeviceChoice, SoundState } from '../generated/contract';

/** The value of a choice in a list; "" is the system's. */
export function choiceKey(choice: DeviceChoice): string {
  return choice.use === 'device' ? choice.name : '';
}

export function choiceOf(key: string): DeviceChoice {
  return key === '' ? { use: 'system' } : { use: 'device', name: key };
}

/** Devices of one direction that are there now. */
export function devicesOf(sound: SoundState, capture: boolean): AudioDevice[] {
  return (sound.devices ?? []).filter((device) => device.capture === capture);
}

/** What devices were called when they were there: a person knows a headset by its label, also when it is pulled. */
export class DeviceLabels {
  readonly #labels = new Map<string, string>();

  /** Takes over what there is now. */
  take(devices: Iterable<AudioDevice>): void {
    for (const { name, label } of devices) this.#labels.set(name, label);
  }

  /** Of one that was never seen, what can be read out of its stable name. */
  of(name: string): string {
    const readable = name
      .replace(/^alsa_(in|out)put\.((usb|pci|bluez)-)?/, '')
      .replace(/-\d\d\..*$/, '')
      .replaceAll('_', ' ');
    return this.#labels.get(name) ?? readable;
  }
}
