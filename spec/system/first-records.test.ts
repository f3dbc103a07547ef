/** What a later start does to what a new cloud was given. */
import { expect, it, onTestFinished } from 'vitest';
import { ensureFirstRecords } from '../../actors/cloud/first-records.ts';
import { api } from '../../transport/messages/api.ts';
import { startTestCloud } from '../support/test-cloud.ts';

it('leaves deleted what an administrator has deleted, and changed what was changed', async () => {
  const cloud = await startTestCloud({ hosts: [] });
  onTestFinished(() => cloud.stop());
  const { client } = cloud;
  const listed = async () => {
    const [{ flavors }, { images }] = await Promise.all([
      client.ask(api.flavor.list, {}),
      client.ask(api.image.list, {}),
    ]);
    return [...flavors, ...images].map(({ name }) => name).toSorted();
  };
  await client.ask(api.image.update, { image: 'simulated', name: 'renamed' });
  await client.ask(api.flavor.delete, { flavor: 'm1.xlarge' });
  const others = ['m1.large', 'm1.medium', 'm1.micro', 'm1.small', 'm1.tiny'];
  await ensureFirstRecords(cloud.runtime, undefined);
  expect(await listed()).toEqual([...others, 'renamed']);

  await client.ask(api.image.delete, { image: 'renamed' });
  await ensureFirstRecords(cloud.runtime, undefined);
  expect(await listed()).toEqual(others);
});
