/** What a later start does to what a new cloud was given. */
import { expect, it, onTestFinished } from 'vitest';
import { ensureFirstRecords } from '../../actors/cloud/first-records.ts';
import { api } from '../../transport/messages/api.ts';
import { rawBucket } from '../support/raw-bucket.ts';
import { startTestRuntimes } from '../support/runtimes.ts';
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

it('leaves what it cannot read as it is, and keeps nothing from starting', async () => {
  const runtimes = await startTestRuntimes();
  onTestFinished(() => runtimes.stop());
  const runtime = await runtimes.connect();
  const name = await ensureFirstRecords(runtime, undefined);
  for (const kind of ['flavor', 'network', 'subnet', 'image'] as const) {
    const bucket = await runtime.store.bucket(kind);
    const [key = ''] = await bucket.keys();
    const raw = await rawBucket(runtime.bus, bucket);
    await raw.put(key, 'nonsense');
    expect(await ensureFirstRecords(runtime, undefined)).toBe(name);
    expect((await raw.get(key))?.string()).toBe('nonsense');
  }
});
