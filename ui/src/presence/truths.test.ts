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
    [401, 'Unauthorized', 'phone-wrong-secret'],
    [403, 'Forbidden', 'phone-wrong-secret'],
    [408, 'Request Timeout', 'phone-unreachable'],
    [0, '', 'phone-unreachable'],
    [503, 'Service Unavailable', 'phone-unreachable'],
    [404, 'Not Found', 'phone-refused'],
    [0, 'Address already in use', 'port-in-use'],
    [503, 'TLS certificate name mismatch', 'phone-tls'],
  ])('REGISTER answered %d %s is %s', async (sip_status, reason, code) => {
    const truth = phoneTruth(await desk(registration({ state: 'failed', sip_status, reason })));
    expect(truth.state).toBe('trouble');
    expect(truth.problem?.code).toBe(code);
    expect(truth.problem?.message.remedy).toBeTruthy();
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
  });

  it('a PBX that is away is said by its name', async () => {
    const away = await desk((view) => void Object.assign(view.me?.pbxs['1'] ?? {}, { up: false }));
    expect(pbxProblems(away)[0]?.message.what).toContain('Office');
  });
});
