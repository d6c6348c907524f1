import { t } from 'ttag';
import type { Call, CallInfo, Quality } from '../generated/contract';
import { figure, phoneNumber } from '../i18n/format';

export function phaseWord(call: Call): string {
  switch (call.phase) {
    case 'ringing':
      return t`Ringing`;
    case 'dialing':
      return progressWord(call) ?? t`Dialling`;
    case 'ringing-there':
      return progressWord(call) ?? t`Ringing there`;
    case 'connecting':
      return t`Connecting`;
    case 'talking':
      return t`Talking`;
    case 'held':
      return t`On hold`;
    case 'held-there':
      return t`Held by the other side`;
    case 'ended':
      return t`Over`;
  }
}

/** What happens there before the answer, where it is not just ringing. */
function progressWord({ progress }: Call): string | undefined {
  switch (progress) {
    case 'forwarded':
      return t`Being forwarded`;
    case 'queued':
      return t`In a line there`;
    case 'early-media':
      return t`Not answered yet, listen`;
    default:
      return undefined;
  }
}

export type Tone = 'ring' | 'talk' | 'held';

export function tone(call: Call): Tone {
  if (call.phase === 'ringing') return 'ring';
  return call.phase === 'held' ? 'held' : 'talk';
}

export interface Caller {
  /** The larger line: the name, or the number when there is no name. */
  title: string;
  /** The number, when there is a name above it. */
  number: string;
}

/** Who it is. Central knows better than SIP, because a PBX may put a queue's name into the display name. */
export function caller(call: Call, info: CallInfo | undefined): Caller {
  const raw = info?.caller_number ?? call.remote_number;
  const number = /^(anonymous|unknown|asterisk)?$/i.test(raw) ? '' : phoneNumber(raw);
  const name = info?.caller_name ?? call.remote_name;
  const named = name !== undefined && name !== '' && name !== raw;
  return { title: named ? name : number || t`Number withheld`, number: named ? number : '' };
}

export interface Sound {
  /** 1 to 3 bars. */
  bars: 1 | 2 | 3;
  word: string;
}

export function soundWord(quality: Quality): Sound {
  if (quality.mos >= 3.8) return { bars: 3, word: t`Sound: good` };
  if (quality.mos >= 3.1) return { bars: 2, word: t`Sound: fair` };
  return { bars: 1, word: t`Sound: poor` };
}

/** `G722 · loss 0.2 % · jitter 4 ms · there and back 38 ms` */
export function soundFigures(quality: Quality): string {
  const loss = figure(Math.max(quality.rx_loss_percent, quality.tx_loss_percent));
  const jitter = figure(Math.round(quality.rx_jitter_ms));
  const parts = [quality.codec, t`loss ${loss} %`, t`jitter ${jitter} ms`];
  if (quality.rtt_ms !== undefined) {
    const rtt = figure(Math.round(quality.rtt_ms));
    parts.push(t`there and back ${rtt} ms`);
  }
  // A figure stays with its unit.
  return parts.map((part) => part.replaceAll(' ', '\u00a0')).join(' · ');
}
