/** A failure story: a resize is confirmed, and the disk from before cannot be removed, or half of it is. */
import { expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { startRecoveryCloud } from './support.ts';

it('nothing leads back to the disk from before, and its host removes it when it can', async () => {
  const { cloud, hypervisor, launch } = await startRecoveryCloud();
  const uuid = await launch();
  await cloud.client.ask(api.instance.resize, { uuid, flavor: 'm1.tiny' });
  await cloud.until(uuid, ({ state }) => state === 'resized.running');
  const slow = { code: 'timeout', message: 'the disk is slow', disposition: 'abort' } as const;
  hypervisor.failNext('forgetEarlierDisks', slow, 1, 'after');
  await cloud.client.ask(api.instance.confirmResize, { uuid });
  const { fault, commands } = await cloud.until(uuid, ({ state }) => state === 'resized.confirmed');
  expect(fault).toMatchObject({ step: 'resizing', message: 'the disk is slow' });
  expect(commands).toEqual(['confirm-resize', 'delete']);
  await expect(cloud.client.ask(api.instance.revertResize, { uuid })).rejects.toMatchObject({
    failure: { code: 'conflict' },
  });
  hypervisor.loseConnection();
  hypervisor.restoreConnection();
  const done = await cloud.until(uuid, ({ state }) => state === 'running');
  expect(done).toMatchObject({ flavor: { name: 'm1.tiny' } });
  expect(hypervisor.leftovers().earlierDisks).toEqual([]);
});
