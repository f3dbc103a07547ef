/** A cloud of which one part cannot start: it says why, and none of the others goes on without it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startKilonova } from '../support/kilonova-process.ts';
import { startTestCloud } from '../support/test-cloud.ts';

it('ends when another process runs its host already, and leaves the cloud to that one', async () => {
  const cloud = await startTestCloud({ hosts: [{ name: 'host1' }] });
  onTestFinished(() => cloud.stop());
  const state = await mkdtemp(join(tmpdir(), 'kilonova-second-'));
  onTestFinished(() => rm(state, { recursive: true, force: true }));

  const words = ['--hypervisor', 'simulated', '--host', 'host1', '--nats', cloud.url, '--state', state];
  await using second = startKilonova(['up', ...words]);
  expect(await second.ended).toBe(1);
  expect(second.stderr()).toBe(
    '✗ conflict: another process runs the host host1: end it, or give this one another name\n',
  );

  const { uuid } = await cloud.create();
  expect(await cloud.until(uuid, ({ state }) => state === 'running')).toMatchObject({ host: 'host1' });
});
