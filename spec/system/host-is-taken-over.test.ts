/** A process of a host whose record another process has by now: it must not stay, as one that looks alive and does nothing. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { systemChance } from '../../transport/clock.ts';
import { startKilonova } from '../support/kilonova-process.ts';
import { eventually, startTestCloud } from '../support/test-cloud.ts';

it('ends, and says why, when another process has taken its host over', async () => {
  const cloud = await startTestCloud({ hosts: [] });
  onTestFinished(() => cloud.stop());
  const state = await mkdtemp(join(tmpdir(), 'kilonova-taken-'));
  onTestFinished(() => rm(state, { recursive: true, force: true }));
  const words = ['--hypervisor', 'simulated', '--host', 'host1', '--nats', cloud.url, '--state', state];
  await using compute = startKilonova(['compute', ...words]);
  await compute.says(/kilonova compute is ready/);

  const hosts = await cloud.runtime.store.bucket('host');
  const { value } = await eventually(() => hosts.get('host1'));
  await hosts.put('host1', { ...value, incarnation: systemChance.uuid(), heartbeatAt: Date.now() });
  expect(await compute.ended).toBe(1);
  expect(compute.stderr()).toContain('conflict: another process has taken over the host host1');
});
