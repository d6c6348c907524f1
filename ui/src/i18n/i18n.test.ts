import { msgid, ngettext, t } from 'ttag';
import { afterEach, describe, expect, it } from 'vitest';
import { DemoHost } from '../host/demo';
import { signedIn } from '../host/demo-data';
import { statusTime } from '../presence/words';
import { Desk } from '../state/desk.svelte';
import { clockDuration, initials, phoneNumber, roughDuration } from './format';
import { chosenLanguage, speak } from './language';
import { commandErrorText, connectProblemText } from './messages';

afterEach(() => speak('en'));

describe('language', () => {
  it.each([
    ['ru', ['en-GB'], 'ru'],
    [undefined, ['de-DE', 'ru-RU', 'en'], 'ru'],
    [undefined, ['de-DE'], 'en'],
    ['fr', ['ru'], 'ru'],
  ] as const)('wish %s on a system of %j is %s', (wish, system, expected) => {
    expect(chosenLanguage(wish, system)).toBe(expected);
  });

  it('has the plural forms of Russian', async () => {
    await speak('ru');
    const waiting = (n: number): string => ngettext(msgid`${n} free`, `${n} free`, n);
    // Another name of the value is the same text to ttag: it counts places.
    expect([1, 2, 5, 11, 21, 22].map(waiting)).toEqual([
      '1 свободен',
      '2 свободны',
      '5 свободных',
      '11 свободных',
      '21 свободен',
      '22 свободны',
    ]);
    expect(t`Available`).toBe('На линии');
    expect(document.documentElement.lang).toBe('ru');
  });
});

describe('formats', () => {
  it.each([
    [0, '0:00'],
    [-5, '0:00'],
    [42_900, '0:42'],
    [725_000, '12:05'],
    [3_723_000, '1:02:03'],
  ])('%d ms on a call is %s', (ms, text) => expect(clockDuration(ms)).toBe(text));

  it.each([
    [20_000, 'under 1 min'],
    [12 * 60_000, '12 min'],
    [65 * 60_000, '1 h 05 min'],
  ])('%d ms in a status is %s', (ms, text) => expect(roughDuration(ms)).toBe(text));

  it('groups only numbers whose form is known', () => {
    expect(phoneNumber('+74951234567')).toBe('+7 495 123-45-67');
    expect(phoneNumber('104')).toBe('104');
  });

  it('initials', () => {
    expect(initials('Anna Krylova')).toBe('AK');
    expect(initials('anna')).toBe('A');
    expect(initials('')).toBe('');
  });

  it('a break shows its limit, and how far it is over', () => {
    const desk = new Desk(new DemoHost(signedIn()));
    const began = Date.now() - 14 * 60_000 - 500;
    const status = { kind: 'break', by: { who: 'operator' }, since_ms: began } as const;
    expect(statusTime(desk, { ...status, until_ms: began + 30 * 60_000 })).toBe('14 of 30 min');
    expect(statusTime(desk, { ...status, until_ms: began + 10 * 60_000 })).toBe('over by 4 min');
  });
});

describe('messages', () => {
  it('each problem says what failed, why, and what to do', () => {
    const problems = [
      { code: 'bad-address', detail: 'x' },
      { code: 'unknown-host', detail: 'x' },
      { code: 'unreachable', detail: 'x' },
      { code: 'timeout' },
      { code: 'tls-name', detail: 'x' },
      { code: 'tls-untrusted', detail: 'x' },
      { code: 'not-central', detail: 'x' },
      { code: 'refused', problem: { status: 401, code: 'wrong-credentials', title: 'x' } },
      { code: 'refused', problem: { status: 429, code: 'too-many-attempts', title: 'x', retry_after_s: 1 } },
      { code: 'refused', problem: { status: 500, code: 'internal', title: 'x' } },
      { code: 'refused', problem: { status: 418, code: 'unknown', title: 'x' } },
    ] as const;
    for (const problem of problems) {
      const { what, why, remedy } = connectProblemText(problem);
      expect(
        [what, why, remedy].every((part) => part !== undefined && part !== ''),
        JSON.stringify(problem),
      ).toBe(true);
    }
  });

  it('a bad number is told apart from a bad device', () => {
    const error = { code: 'bad-argument', message: 'x' } as const;
    expect(commandErrorText({ do: 'dial', account: '1', target: 'x', headers: [] }, error).why).toContain('number');
    expect(commandErrorText({ do: 'devices' }, error).why).not.toContain('number');
  });
});
