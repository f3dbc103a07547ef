/**
 * How long a launch takes through all parts when the hypervisor takes no time: measured in a cloud of its own, which is
 * there for this only, so that the other one's records, figures and facts tell of nobody's instances but its users'.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { roles, startCloud } from '../../actors/cloud/cloud.ts';
import { ensureFirstRecords } from '../../actors/cloud/first-records.ts';
import { adminProject, ensureFirstAdmin } from '../../actors/identity/first-admin.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import { createRuntime } from '../../actors/runtime/runtime.ts';
import { startNatsServer } from '../../actors/setup/nats-server.ts';
import { sleep, systemChance, systemClock } from '../clock.ts';
import { api } from '../messages/api.ts';
import { ApiClient } from '../nats/api-client.ts';
import { connectBus } from '../nats/connect-bus.ts';

/** The first ones warm up what Node compiles as it runs, as a cloud that has been up for a while is. */
const warmUps = 60;
const launches = 41;

export interface LaunchPath {
  medianMs: number;
  slowestMs: number;
  launches: number;
  warmUps: number;
}

/** From the request until the fact that the instance runs; one launch at a time. Needs a nats-server on this machine. */
export async function measureLaunchPath(flavor: string): Promise<LaunchPath> {
  await using cleanups = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-launch-path-'));
  cleanups.defer(() => rm(folder, { recursive: true, force: true }));
  const server = await startNatsServer({ stateDir: folder, port: 0 });
  cleanups.defer(() => server.stop());
  const bus = await connectBus({ url: server.url, name: 'kilonova launch path' });
  cleanups.defer(() => bus.close());
  const runtime = await createRuntime({
    bus,
    clock: systemClock,
    chance: systemChance,
    logger: createLogger('error'),
  });
  cleanups.defer(() => runtime.store.close());
  const { token } = await ensureFirstAdmin(runtime, join(folder, 'admin-token'));
  const image = await ensureFirstRecords(runtime, undefined);
  const simulatedHosts = [{ name: 'simulated', availabilityZone: 'nova', stateDir: folder }];
  const cloud = await startCloud(runtime, { roles: roles.filter((role) => role !== 'web'), simulatedHosts });
  cleanups.defer(() => cloud.stop());
  const hosts = await runtime.store.view('host');
  while (![...hosts.values()].some(({ hypervisorState }) => hypervisorState === 'up')) await sleep(systemClock, 5);

  const client = new ApiClient(bus, token);
  const times: number[] = [];
  for (let index = 0; index < warmUps + launches; index++)
    times.push(await launchOnce(client, { image, flavor }, index));
  const counted = times.slice(warmUps).sort((a, b) => a - b);
  return { medianMs: counted[Math.floor(launches / 2)] ?? 0, slowestMs: counted.at(-1) ?? 0, launches, warmUps };
}

/** How long it took (ms); the instance is deleted again. */
async function launchOnce(
  client: ApiClient,
  wishes: { image: string; flavor: string },
  index: number,
): Promise<number> {
  const running = Promise.withResolvers<void>();
  const deleted = Promise.withResolvers<void>();
  const name = `launch-path-${index}`;
  const stop = client.follow(adminProject, (fact) => {
    if (fact.name !== name || fact.type !== 'transition') return;
    if (fact.to === 'running') running.resolve();
    if (fact.to === 'deleted') deleted.resolve();
    if (fact.to.startsWith('failed')) running.reject(new Error(fact.failure?.message ?? fact.to));
  });
  try {
    const startedAt = performance.now();
    const created = client.ask(api.instance.create, { name, ...wishes });
    const [{ instances }] = await Promise.all([created, running.promise]);
    const tookMs = performance.now() - startedAt;
    for (const { uuid } of instances) await client.ask(api.instance.delete, { uuid });
    await deleted.promise;
    return tookMs;
  } finally {
    stop();
  }
}
