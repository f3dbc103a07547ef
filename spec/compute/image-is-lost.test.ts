/** A failure story: the store has lost the image of instances that were launched from it, which nobody may delete while it is used. */
import { expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { startRecoveryCloud } from './support.ts';

it('a guest that has its domain goes on without it; one that has none is not made without a disk', async () => {
  const { cloud, hypervisor, launch } = await startRecoveryCloud();
  const { client, runtime, until } = cloud;
  const [whole, lost, resized] = await Promise.all([launch(), launch(), launch()]);
  await client.ask(api.instance.resize, { uuid: resized, flavor: 'm1.small' });
  await until(resized, ({ state }) => state === 'resized.running');
  const { imageId } = (await client.ask(api.instance.get, { uuid: lost })).instance;
  await (await runtime.store.bucket('image')).remove(imageId);
  const message = `image ${imageId} is not there any more`;

  await client.ask(api.instance.stop, { uuid: whole });
  await until(whole, ({ state }) => state === 'stopped');
  await client.ask(api.instance.start, { uuid: whole });
  expect((await until(whole, ({ state }) => state === 'running')).fault).toBeUndefined();

  hypervisor.loseGuest(lost);
  await until(lost, ({ state }) => state === 'failed.powering');
  const commands = [
    () => client.ask(api.instance.start, { uuid: lost }),
    () => client.ask(api.instance.reboot, { uuid: lost, how: 'hard' }),
  ];
  for (const command of commands) {
    await command();
    const { fault } = await until(
      lost,
      ({ state, fault }) => state === 'failed.powering' && fault?.cause !== undefined,
    );
    expect(fault).toMatchObject({ code: 'domain_lost', cause: { code: 'image_unavailable', message } });
    expect(await hypervisor.powerState(lost)).toBe('absent');
  }

  await client.ask(api.instance.revertResize, { uuid: resized });
  const { fault } = await until(resized, ({ state }) => state === 'failed.resizing');
  expect(fault).toMatchObject({ code: 'image_unavailable', message });
});
