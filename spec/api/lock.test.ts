import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startController } from '../../actors/controller/controller.ts';
import type { Part } from '../../actors/runtime/runtime.ts';
import { api } from '../../transport/messages/api.ts';
import type { ApiClient } from '../../transport/nats/api-client.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
let second: Part;
let owner: ApiClient;
beforeAll(async () => {
  cloud = await startTestCloud();
  second = await startController(await cloud.connect());
  owner = await cloud.createUser('demo');
});
afterAll(async () => {
  await second.stop();
  await cloud.stop();
});

let uuid: string;
beforeEach(async () => {
  ({ uuid } = await cloud.create({}, owner));
  await cloud.until(uuid, ({ state }) => state === 'running');
  return () => cloud.client.ask(api.instance.delete, { uuid });
});

const lockedBy = (by: 'owner' | 'admin') => ({ failure: { code: 'conflict', details: { lock: by } } });

describe('a lock', () => {
  it('is the owner’s when one of the project locks, and says why', async () => {
    const { instance } = await owner.ask(api.instance.lock, { uuid, reason: 'maintenance' });
    expect(instance.lock).toEqual({ by: 'owner', reason: 'maintenance' });
    await expect(owner.ask(api.instance.stop, { uuid })).rejects.toMatchObject({
      failure: { code: 'conflict', message: `instance ${uuid} is locked by its owner: maintenance` },
    });
    expect((await owner.ask(api.instance.unlock, { uuid })).instance.lock).toBeUndefined();
    await owner.ask(api.instance.stop, { uuid });
  });

  it('refuses every command, and leaves the instance as it is', async () => {
    await owner.ask(api.instance.lock, { uuid });
    const { flavors } = await owner.ask(api.flavor.list, {});
    const commands = [
      ...(['stop', 'start', 'reboot', 'pause', 'unpause', 'suspend', 'resume', 'delete'] as const).map(
        (verb) => () => owner.ask(api.instance[verb], { uuid }),
      ),
      ...(['confirmResize', 'revertResize', 'rebuild'] as const).map(
        (verb) => () => owner.ask(api.instance[verb], { uuid }),
      ),
      () => owner.ask(api.instance.resize, { uuid, flavor: flavors.at(-1)?.id ?? '' }),
    ];
    for (const command of commands) await expect(command()).rejects.toMatchObject(lockedBy('owner'));
    expect((await owner.ask(api.instance.get, { uuid })).instance.state).toBe('running');
  });

  it('does not keep its owner from updating the instance', async () => {
    await owner.ask(api.instance.lock, { uuid });
    const { instance } = await owner.ask(api.instance.update, { uuid, name: 'locked and renamed' });
    expect(instance).toMatchObject({ name: 'locked and renamed', lock: { by: 'owner' } });
  });

  it('holds for whatever is asked after it was answered, whichever controller is asked', async () => {
    for (let round = 0; round < 40; round++) {
      await owner.ask(api.instance.lock, { uuid });
      const answers = await Promise.allSettled(
        Array.from({ length: 4 }, () => owner.ask(api.instance.reboot, { uuid, how: 'hard' })),
      );
      for (const answer of answers) expect(answer).toMatchObject({ status: 'rejected', reason: lockedBy('owner') });
      await owner.ask(api.instance.unlock, { uuid });
    }
  });

  it('stays while the instance changes by itself', async () => {
    await owner.ask(api.instance.lock, { uuid });
    cloud.hypervisors.get('host1')?.shutDownGuest(uuid);
    const instance = await cloud.until(uuid, ({ state }) => state === 'stopped');
    expect(instance.lock).toEqual({ by: 'owner' });
  });

  it('may be set and taken away again and again', async () => {
    for (const reason of ['one', 'two']) {
      expect((await owner.ask(api.instance.lock, { uuid, reason })).instance.lock).toEqual({ by: 'owner', reason });
    }
    for (let round = 0; round < 2; round++) {
      expect((await owner.ask(api.instance.unlock, { uuid })).instance.lock).toBeUndefined();
    }
  });
});

describe('an administrator', () => {
  it('commands a locked instance all the same', async () => {
    await owner.ask(api.instance.lock, { uuid });
    await cloud.client.ask(api.instance.stop, { uuid });
    expect((await cloud.until(uuid, ({ state }) => state === 'stopped')).lock).toEqual({ by: 'owner' });
  });

  it('unlocks what its owner has locked', async () => {
    await owner.ask(api.instance.lock, { uuid });
    expect((await cloud.client.ask(api.instance.unlock, { uuid })).instance.lock).toBeUndefined();
  });

  it('of another project locks so that only an administrator unlocks', async () => {
    await owner.ask(api.instance.lock, { uuid, reason: 'mine' });
    const { instance } = await cloud.client.ask(api.instance.lock, { uuid, reason: 'abuse' });
    expect(instance.lock).toEqual({ by: 'admin', reason: 'abuse' });
    await expect(owner.ask(api.instance.unlock, { uuid })).rejects.toMatchObject({ failure: { code: 'forbidden' } });
    await expect(owner.ask(api.instance.stop, { uuid })).rejects.toMatchObject(lockedBy('admin'));
    // Its owner's own lock is outweighed.
    const again = await owner.ask(api.instance.lock, { uuid, reason: 'mine again' });
    expect(again.instance.lock).toEqual({ by: 'admin', reason: 'abuse' });
    await cloud.client.ask(api.instance.unlock, { uuid });
    await owner.ask(api.instance.stop, { uuid });
  });

  it('of the project locks as its owner', async () => {
    const { uuid: own } = await cloud.create();
    expect((await cloud.client.ask(api.instance.lock, { uuid: own })).instance.lock).toEqual({ by: 'owner' });
  });
});

it('is locked by nobody of another project, who does not find it', async () => {
  const stranger = await cloud.createUser('elsewhere');
  for (const verb of ['lock', 'unlock'] as const) {
    await expect(stranger.ask(api.instance[verb], { uuid })).rejects.toMatchObject({ failure: { code: 'not_found' } });
  }
});
