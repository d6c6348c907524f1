import { t } from 'ttag';
import { language } from './language';

/** `0:42`, `12:05`, `1:02:03`. */
export function clockDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const h = Math.floor(seconds / 3600);
  const m = Math.floor((seconds % 3600) / 60);
  return h > 0 ? `${h}:${two(m)}:${two(seconds % 60)}` : `${m}:${two(seconds % 60)}`;
}

/** `12 min`, `1 h 05 min`: for what lasts long and needs no seconds. */
export function roughDuration(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 1) return t`under 1 min`;
  if (minutes < 60) return t`${minutes} min`;
  const hours = Math.floor(minutes / 60);
  const rest = String(minutes % 60).padStart(2, '0');
  return t`${hours} h ${rest} min`;
}

/** `08:10`, by the person's zone. */
export function timeOfDay(ms: number): string {
  return new Intl.DateTimeFormat(language(), { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms);
}

/** One decimal at most. */
export function figure(value: number): string {
  return new Intl.NumberFormat(language(), { maximumFractionDigits: 1 }).format(value);
}

/** `60%`, in Russian `60 %`. */
export function percent(value: number): string {
  return new Intl.NumberFormat(language(), { style: 'percent' }).format(value / 100);
}

/** `+7 495 123-45-67` for Russian E.164 numbers; others stay as they came. Display only: numbers are normalised in Rust. */
export function phoneNumber(raw: string): string {
  const russian = /^\+7(\d{3})(\d{3})(\d{2})(\d{2})$/.exec(raw);
  return russian ? `+7 ${russian[1]} ${russian[2]}-${russian[3]}-${russian[4]}` : raw;
}

/** Initials for the round badge. */
export function initials(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...(word ?? '')][0]?.toLocaleUpperCase() ?? '').join('');
}
