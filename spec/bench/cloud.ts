/** A real cloud with a simulated hypervisor, on a NATS server that is given: in one process, or one for each part. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Role } from '../../actors/cloud/cloud.ts';
import { adminProject } from '../../actors/identity/first-admin.ts';
import { api } from '../../transport/messages/api.ts';
import { buckets } from '../../transport/messages/records.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import { openBucket } from '../../transport/nats/bucket.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { eventually } from '../support/test-cloud.ts';
import { type Chain, repeat } from './chain.ts';
import { type Child, kilonovaMain, startChild } from './child.ts';
import { type Layout, launchParts } from './figures.ts';

/** Room for what is alive at a time: a simulated host has 1024 vCPUs to give out. */
const cidr = '10.20.0.0/20';
const unlimited = { instances: -1, vcpus: -1, memoryMb: -1, keyPairs: -1, serverGroups: -1, securityGroups: -1 };
const request = { image: 'simulated', flavor: 'm1.micro' };
const deletionsAtOnce = 50;
const startDeadlineMs = 60_000;

export interface Cloud extends Chain {
  client: ApiClient;
  /** Its state. */
  folder: string;
}

interface Awaited {
  running: PromiseWithResolvers<void>;
  deleted: PromiseWithResolvers<void>;
}

export async function startCloudProcesses(url: string, layout: Layout): Promise<Cloud> {
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-bench-'));
  const processes: Child[] = [];
  const cleanups: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const clean of cleanups.toReversed()) await clean();
  };
  try {
    cleanups.push(() => Promise.all(processes.map((child) => child.stop())));
    for (const command of layout === 'oneProcess' ? (['up'] as const) : inOrder) {
      processes.push(await startPart(command, url, folder));
    }
    const bus = await connectBus({ url, name: 'bench client' });
    cleanups.push(() => bus.close());
    await (await openBucket(bus, buckets.quota)).put(adminProject, unlimited);
    const client = new ApiClient(bus, (await readFile(join(folder, 'admin-token'), 'utf8')).trim());
    await eventually(async () => {
      const { hosts } = await client.ask(api.host.list, {});
      return hosts.some(({ hypervisorState }) => hypervisorState === 'up') || undefined;
    }, startDeadlineMs);
    return { ...chainOf(client), client, folder, processes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The controller makes the first records, so it comes first. */
const inOrder = [...launchParts].sort((a, b) => Number(b === 'controller') - Number(a === 'controller'));

export function startPart(command: 'up' | Role, url: string | undefined, folder: string) {
  const flags = {
    up: ['--state', folder, '--no-test-image', '--cidr', cidr, '--hypervisor', 'simulated', '--host', 'bench'],
    controller: ['--state', folder, '--no-test-image', '--cidr', cidr],
    compute: ['--state', folder, '--hypervisor', 'simulated', '--host', 'bench'],
    web: ['--http-port', '0'],
    api: [],
    scheduler: [],
    network: [],
  }[command];
  const nats = url === undefined ? ['--nats-port', '0'] : ['--nats', url];
  const name = command === 'up' ? 'cloud' : command;
  return startChild(name, kilonovaMain, [command, ...nats, ...flags], /is ready|the cloud is up/);
}

function chainOf(client: ApiClient): Pick<Chain, 'launch' | 'clear'> {
  const awaited = new Map<string, Awaited>();
  const alive: { uuid: string; name: string }[] = [];
  let count = 0;
  client.follow(adminProject, ({ type, name, to, failure }) => {
    const launch = awaited.get(name);
    if (!launch || type !== 'transition') return;
    if (to === 'running') launch.running.resolve();
    if (to === 'deleted') launch.deleted.resolve();
    if (to.startsWith('failed')) launch.running.reject(new Error(`${name} is ${to}: ${failure?.message}`));
  });
  return {
    async launch() {
      const name = `bench-${count++}`;
      const launch = { running: Promise.withResolvers<void>(), deleted: Promise.withResolvers<void>() };
      awaited.set(name, launch);
      const created = client.ask(api.instance.create, { name, ...request });
      const [{ instances }] = await Promise.all([created, launch.running.promise]);
      for (const { uuid } of instances) alive.push({ uuid, name });
    },
    async clear() {
      const leaving = alive.splice(0);
      await repeat(leaving.length, deletionsAtOnce, async (index) => {
        const { uuid = '', name = '' } = leaving[index] ?? {};
        await client.ask(api.instance.delete, { uuid });
        await awaited.get(name)?.deleted.promise;
        awaited.delete(name);
      });
    },
  };
}
