/** A state store that is put back to an earlier time under a working cloud: every process begins again with what there is. */
import { expect, it, onTestFinished } from 'vitest';
import { startCloud } from '../../actors/cloud/cloud.ts';
import { startCompute } from '../../actors/compute/compute.ts';
import { type Life, Lives } from '../../actors/runtime/lives.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import { createRuntime } from '../../actors/runtime/runtime.ts';
import { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { controlPlane, eventually, startTestCloud } from '../support/test-cloud.ts';

const capacity = { vcpus: 8, memoryMb: 8192, diskGb: 100 };
const logger = createLogger(process.env.KILONOVA_LOG_LEVEL ?? 'fatal');

/** A process as the program has it; `began` counts its lives. */
async function live(url: string, begin: (life: Life) => Promise<unknown>) {
  const incarnation = systemChance.uuid();
  let began = 0;
  const lives = await Lives.start({
    clock: systemClock,
    logger,
    async connect() {
      const bus = await connectBus({ url, name: 'test', endsWithServer: true, waitMs: 60_000 });
      return createRuntime({ bus, clock: systemClock, chance: systemChance, logger, incarnation });
    },
    async begin(life) {
      await begin(life);
      began += 1;
    },
  });
  onTestFinished(() => lives.stop());
  return { began: () => began };
}

it('loses what its server has lost, and nothing else: no guest, no address, no launch is doubled', async () => {
  const cloud = await startTestCloud({ roles: [], hosts: [] });
  onTestFinished(() => cloud.stop());
  const { client, nats, url } = cloud;
  const hypervisors = ['host1', 'host2'].map((name) => {
    return { name, hypervisor: new SimulatedHypervisor({ clock: systemClock, chance: systemChance, latencyMs: 0 }) };
  });
  const processes = await Promise.all([
    live(url, async ({ runtime, add }) => add(await startCloud(runtime, { roles: controlPlane }))),
    ...hypervisors.map((host) =>
      live(url, async ({ runtime, add }) => add(await startCompute(runtime, { ...host, capacity }))),
    ),
  ]);
  await eventually(async () => {
    const { hosts } = await client.ask(api.host.list, {});
    return hosts.filter(({ hypervisorState }) => hypervisorState === 'up').length === 2 || undefined;
  });
  const launch = async (name: string) => {
    const { uuid } = await eventually(() => cloud.create({ name }).catch(() => undefined), 60_000);
    return cloud.until(uuid, ({ state }) => state === 'running', 60_000);
  };
  const kept = await Promise.all(['one', 'two', 'three'].map(launch));
  await nats.keepCopy();
  const lost = await Promise.all(['four', 'five'].map(launch));
  for (const { hypervisor } of hypervisors) hypervisor.delay('waitForBoot', 60_000);
  const underWay = await cloud.create({ name: 'six' });
  await cloud.until(underWay.uuid, ({ state }) => state === 'spawning.waitingForBoot');
  await nats.kill();
  for (const { hypervisor } of hypervisors) hypervisor.delay('waitForBoot', 0);
  await nats.restoreCopy();
  await nats.startAgain();
  await eventually(() => processes.every(({ began }) => began() === 2) || undefined, 60_000);

  const later = await Promise.all(['seven', 'eight'].map(launch));
  const { instances } = await client.ask(api.instance.list, {});
  expect(instances.map(({ name }) => name).toSorted()).toEqual(['eight', 'one', 'seven', 'three', 'two']);
  expect(instances.every(({ state }) => state === 'running')).toBe(true);
  const placed = ({ uuid, host, ports }: InstanceView) => ({ uuid, host, ports });
  for (const one of kept) expect(instances.map(placed)).toContainEqual(placed(one));
  const addresses = instances.flatMap(({ ports }) => ports.flatMap((port) => port.addresses));
  expect(new Set(addresses).size).toBe(instances.length);

  // Of what was lost the guests run on, and an operator is told.
  const guests = hypervisors.flatMap(({ hypervisor }) => hypervisor.leftovers().domains);
  const known = [...kept, ...later].map(({ uuid }) => uuid);
  const unknown = [...lost, underWay].map(({ uuid }) => uuid);
  expect(guests.toSorted()).toEqual([...known, ...unknown].toSorted());
  const told = await eventually(async () => {
    const { hosts } = await client.ask(api.host.list, {});
    const found = hosts.flatMap(({ unknownGuests = [] }) => unknownGuests);
    return found.length === unknown.length ? found : undefined;
  });
  expect(told.toSorted()).toEqual(unknown.toSorted());
}, 180_000);
