/**
 * The disk for images and guests of the only host is really full: a launch says so and leaves nothing, until there is
 * room.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contextOf } from '../../actors/instance/stored-chart.ts';
import { mayMount, mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { FaultCloud } from './fault-cloud.ts';
import { storyMs } from './how-long.ts';
import { startRealHost } from './real-host.ts';

const launches = 3;
const roomForAll = 512 * 1024 ** 2;

describe.skipIf(!mayMount)('a disk that only root may make small', () => {
  const cleanups = new AsyncDisposableStack();
  let disk: SmallDisk;
  let cloud: FaultCloud;

  beforeAll(async () => {
    disk = cleanups.use(await mountSmallDisk(roomForAll));
    const host = cleanups.use(await startRealHost(disk.folder));
    cloud = cleanups.use(await FaultCloud.start(host.cloud));
  }, storyMs);

  afterAll(() => cleanups.disposeAsync(), storyMs);

  it('fails launches, with the reason and without a trace', { timeout: storyMs }, async () => {
    await disk.fill();
    cloud.note('the disk of the host is full');
    const wave = await cloud.launch(launches);
    const broken = await cloud.judge();
    expect(wave.states()).toEqual(new Set(['failed.scheduling']));
    for (const { tried } of wave.latest().map(contextOf)) {
      expect(tried.map(({ failure }) => failure.code)).toEqual(['disk_full']);
    }
    expect(broken).toBe('');
  });

  it('launches when there is room', { timeout: storyMs }, async () => {
    await disk.makeRoom();
    cloud.note('there is room again');
    const wave = await cloud.launch(launches);
    const broken = await cloud.judge();
    expect(wave.states()).toEqual(new Set(['running']));
    expect(broken).toBe('');
  });

  it('leaves nothing of what is deleted', { timeout: storyMs }, async () => {
    expect(await cloud.empty()).toBe('');
  });
});
