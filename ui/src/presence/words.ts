import { t } from 'ttag';
import type { ChangedBy, Status, StatusKind } from '../generated/contract';
import { roughDuration, timeOfDay } from '../i18n/format';
import type { Desk } from '../state/desk.svelte';

export function statusWord(kind: StatusKind): string {
  switch (kind) {
    case 'available':
      return t`Available`;
    case 'preparing':
      return t`Preparing`;
    case 'break':
      return t`Break`;
    case 'after-call':
      return t`After-call`;
    case 'not-answering':
      return t`Not answering`;
    case 'offline':
      return t`Offline`;
  }
}

/** A break is called by its reason. */
export function statusName(desk: Desk, status: { kind: StatusKind; reason?: number }): string {
  return (status.kind === 'break' ? desk.reasonName(status.reason) : undefined) ?? statusWord(status.kind);
}

/** How long it lasts already, or still. */
export function statusTime(desk: Desk, status: Status): string {
  const elapsed = desk.since(status.since_ms);
  if (status.until_ms === undefined) return roughDuration(elapsed);
  const left = status.until_ms - desk.serverNow;
  if (status.kind === 'after-call') {
    const seconds = Math.max(0, Math.ceil(left / 1000));
    return t`${seconds} s left`;
  }
  if (left < 0) {
    const over = roughDuration(-left);
    return t`over by ${over}`;
  }
  const limit = Math.round((status.until_ms - status.since_ms) / 60_000);
  const minutes = Math.floor(elapsed / 60_000);
  return t`${minutes} of ${limit} min`;
}

/** "changed at the PBX 10:42"; nothing when the operator did it. */
export function changedBy(by: ChangedBy, atMs: number): string | undefined {
  const time = timeOfDay(atMs);
  switch (by.who) {
    case 'operator':
      return undefined;
    case 'pbx':
      return t`changed at the PBX ${time}`;
    case 'system':
      return t`set by a rule ${time}`;
    case 'person': {
      const name = by.name;
      return t`changed by ${name} ${time}`;
    }
  }
}
