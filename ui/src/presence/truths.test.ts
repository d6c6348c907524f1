import { describe, expect, it } from 'vitest';
import type { View } from '../generated/contract';
import { DemoHost } from '../host/demo';
import { signedIn } from '../host/demo-data';
import { Desk } from '../state/desk.svelte';
import { centralTruth, pbxProblems, phoneTruth, soundTruth } from './truths';

async function desk(edit: (view: View) => void = () => undefined): Promise<Desk> {
  const view = structuredClone(signedIn());
  edit(view);
  const made = new Desk(new DemoHost(view));
  await made.follow();
  return made;
}

const registration = (change: object) => (view: View) =>
  void Object.assign(view.phone?.registrations['1'] ?? {}, change);

describe('the three truths', () => {
  it('are well when all is well', async () => {
    const well = await desk();
    expect([phoneTruth(well), centralTruth(well), soundTruth(well)].map(({ state }) => state)).toEqual([
      'ok',
      'ok',
      'ok',
    ]);
  });

  it.each([
    ['wrong-secret', 'phone-wrong-secret'],
    ['unknown-account', 'phone-unknown-account'],
    ['timeout', 'phone-unreachable'],
    ['unreachable', 'phone-unreachable'],
    ['tls-name', 'phone-tls-name'],
    ['tls-untrusted', 'phone-tls-untrusted'],
    ['port-in-use', 'port-in-use'],
    ['refused', 'phone-refused'],
    ['engine', 'phone-not-registered'],
    ['unknown', 'phone-not-registered'],
    // A softphone of the version before.
    [undefined, 'phone-not-registered'],
  ])('a registration that failed by %s is %s', async (problem, code) => {
    // Words that once were taken for a reason.
    const reason = 'TLS certificate, port, address already in use';
    const edit = registration({ state: 'failed', sip_status: 401, reason, problem });
    const truth = phoneTruth(await desk(edit));
    expect(truth.state).toBe('trouble');
    expect(truth.problem?.code).toBe(code);
    expect(truth.problem?.message.remedy).toBeTruthy();
    expect(truth.problem?.message.detail).toBe(`401 ${reason}`);
  });

  it('says through which server, and since when', async () => {
    const since_ms = new Date(2026, 10, 22, 10, 42).getTime();
    const one = await desk(registration({ since_ms }));
    expect(phoneTruth(one).text).toBe('Phone 101: registered through pbx.example.org:5061 over TLS since 10:42');
    // A softphone of the version before.
    const older = await desk((view) => {
      delete view.phone?.registrations['1']?.server;
      delete view.phone?.registrations['1']?.transport;
    });
    expect(phoneTruth(older).text).toBe('Phone 101: registered');
  });

  it('names the PBXs when there are several', async () => {
    const several = await desk((view) => {
      const first = view.phone?.registrations['1'];
      if (!first || !view.phone || !view.profile) return;
      view.phone.registrations['2'] = { ...first, account: '2', server: '10.0.7.2:5060', transport: 'udp' };
      view.profile.accounts['2'] = { pbx_name: 'Warehouse', codes: {} };
    });
    const lines = phoneTruth(several).text.split('\n');
    expect(lines).toEqual([
      expect.stringMatching(/^Phone 101, Office: registered through pbx.example.org:5061 over TLS since/),
      expect.stringMatching(/^Phone Warehouse: registered through 10.0.7.2:5060 over UDP since/),
    ]);
  });

  it('registered at our side is not enough: the PBX must reach the phone', async () => {
    const edit = (view: View): void => void Object.assign(view.me?.phones['1'] ?? {}, { state: 'not-registered' });
    expect(phoneTruth(await desk(edit)).problem?.code).toBe('phone-not-at-pbx');
  });

  it('what central said before the link was lost is not held against the phone', async () => {
    const edit = (view: View): void => {
      Object.assign(view.me?.phones['1'] ?? {}, { state: 'unreachable' });
      view.central.state = 'lost';
    };
    const stale = await desk(edit);
    expect(phoneTruth(stale).state).toBe('ok');
    expect(centralTruth(stale).problem?.code).toBe('central-lost');
  });

  it('a softphone that failed offers to restart it', async () => {
    const failed = await desk((view) => {
      view.softphone = { state: 'failed', since_ms: 0, deaths: 3, problem: 'signal 11' };
    });
    expect(phoneTruth(failed).problem?.action).toBe('restart-softphone');
  });

  it('no sound device, or only one of two, is said', async () => {
    const none = await desk((view) => {
      delete view.phone?.sound.capture_device;
      delete view.phone?.sound.playback_device;
    });
    expect(soundTruth(none).problem?.code).toBe('no-sound');
    const deaf = await desk((view) => void delete view.phone?.sound.playback_device);
    expect(soundTruth(deaf).problem?.message.what).toBe('You cannot hear the customer');
    const tone = await desk((view) => void (view.phone && (view.phone.sound.problem = 'bell.wav: no such file')));
    expect(soundTruth(tone).problem?.message).toMatchObject({
      what: 'Something is wrong with the sound',
      detail: 'bell.wav: no such file',
    });
  });

  it('a PBX that is away is said by its name', async () => {
    const away = await desk((view) => void Object.assign(view.me?.pbxs['1'] ?? {}, { up: false }));
    expect(pbxProblems(away)[0]?.message.what).toContain('Office');
  });
});
