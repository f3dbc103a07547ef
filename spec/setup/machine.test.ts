/**
 * The whole set-up, on this machine as it is.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'nats';
import { expect, onTestFinished, test } from 'vitest';
import { defaultCacheDir } from '../../actors/setup/cache-dir.ts';
import { ensureMachine, type MachineWishes } from '../../actors/setup/setup.ts';
import { startTestNats } from '../support/nats.ts';

test('gives a NATS server and the simulated hypervisor without needing anything else', async () => {
  const { machine, lines } = await ensure({
    nats: { port: 0 },
    hypervisor: 'simulated',
    hasTestImage: false,
  });
  expect(machine).toMatchObject({ hypervisor: 'simulated', reasons: [] });
  expect(lines).toEqual([]);
  const client = await connect({ servers: machine.natsUrl });
  await client.close();
});

test("starts no server when it is told of somebody else's", async () => {
  const nats = await startTestNats();
  onTestFinished(() => nats.stop());
  const wish: MachineWishes = { nats: { url: nats.url }, hypervisor: 'simulated', hasTestImage: false };
  const { machine } = await ensure(wish);
  expect(machine.natsUrl).toBe(nats.url);
  expect(machine.natsServer).toBeUndefined();
  await machine.stop();
  const client = await connect({ servers: nats.url });
  await client.close();
});

test('gives libvirt and the test image, or says why not', { timeout: 120_000 }, async () => {
  const { machine } = await ensure({ nats: { port: 0 }, hypervisor: 'auto', hasTestImage: true });
  const lacks = (machine.libvirt ? 0 : 1) + (machine.testImage ? 0 : 1);
  expect(machine.reasons).toHaveLength(lacks);
  expect(machine.hypervisor).toBe(machine.libvirt ? 'libvirt' : 'simulated');
});

test('keeps what it builds where it was told to, and for root outside the home folder', () => {
  expect(defaultCacheDir({ KILONOVA_CACHE_DIR: '/somewhere' })).toBe('/somewhere');
  const usual = defaultCacheDir({ HOME: '/home/me' });
  expect(usual).toBe(process.getuid?.() === 0 ? '/var/cache/kilonova' : '/home/me/.cache/kilonova');
});

async function ensure(want: MachineWishes) {
  const stateDir = await mkdtemp(join(tmpdir(), 'kilonova-machine-'));
  const lines: string[] = [];
  const machine = await ensureMachine({ stateDir, want, report: (line) => lines.push(line) });
  onTestFinished(async () => {
    await machine.stop();
    await rm(stateDir, { recursive: true, force: true });
  });
  return { machine, lines };
}
