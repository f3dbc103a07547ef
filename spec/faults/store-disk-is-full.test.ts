/**
 * The disk of the state store is really full in the midst of launches, until there is room again and its nats-server is
 * started anew: clients are told so, and what they were told before is kept.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toFailure } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import { mayMount, mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { FaultCloud } from './fault-cloud.ts';
import { isLong, storyMs } from './how-long.ts';
import { natsServer } from './processes.ts';

const launches = 60;
const mib = 1024 ** 2;

describe.skipIf(!mayMount || !isLong)('a disk that only root may make small', () => {
  const cleanups = new AsyncDisposableStack();
  let disk: SmallDisk;
  let cloud: FaultCloud;

  beforeAll(async () => {
    disk = cleanups.use(await mountSmallDisk(128 * mib));
    const controllerFlags = ['--no-test-image', '--cidr', '10.20.0.0/18', '--nats-store', '96M'];
    cloud = cleanups.use(await FaultCloud.start({ natsFolder: disk.folder, controllerFlags }));
  }, storyMs);

  afterAll(() => cleanups.disposeAsync(), storyMs);

  it.each([1, 2, 3])('loses nothing that was accepted (round %d)', { timeout: storyMs }, async () => {
    const wave = await cloud.launch(launches);
    await disk.fill();
    cloud.note('the disk of the store is full');
    await askInTime();
    await disk.makeRoom();
    await cloud.kill(natsServer);
    await cloud.start(natsServer);
    const broken = await cloud.judge();
    console.log(`the disk of the store was full: ${wave.tell()}`);
    expect(new Set(await wave.answers)).toEqual(new Set(['accepted']));
    expect(wave.states()).toEqual(new Set(['running']));
    expect(broken).toBe('');
  });

  /** What finds a place in what is written already is taken; of what is tried until then nobody can tell. */
  async function askInTime(): Promise<void> {
    const askedAt = Date.now();
    const request = { name: `late-${askedAt}`, image: 'simulated', flavor: 'm1.micro' };
    const outcome = await cloud.admin.ask(api.instance.create, request).then(
      () => 'accepted',
      (thrown) => toFailure(thrown).code,
    );
    expect(['accepted', 'timeout', 'unavailable']).toContain(outcome);
    expect(Date.now() - askedAt).toBeLessThanOrEqual(api.instance.create.timeoutMs + 1_000);
  }

  it('leaves nothing of what is deleted', { timeout: storyMs }, async () => {
    expect(await cloud.empty()).toBe('');
  });
});
