/** How long it takes until all goes on: a host that comes back, instances from their records, whole worlds with faults. */
import { InstanceOwner } from '../../actors/instance/owner.ts';
import { api } from '../../transport/messages/api.ts';
import { buckets } from '../../transport/messages/records.ts';
import { runWorld } from '../simulation/run-world.ts';
import { scriptOf } from '../simulation/script.ts';
import { eventually } from '../support/test-cloud.ts';
import { repeat } from './chain.ts';
import { type Cloud, startCloudProcesses, startPart } from './cloud.ts';
import { encoded, own, settledRecord, waiting, worldOf } from './owners.ts';
import type { Report } from './report.ts';
import { withNats } from './with-nats.ts';

const launchesAtOnce = 50;
/** A killed process's lease has to run out, and each instance is looked at. */
const deadlineMs = 120_000;

export async function measureRecovery(
  report: Report,
  { recovered, instances, worlds }: { recovered: number; instances: number; worlds: number },
): Promise<void> {
  await withNats(({ url }) => measureHost(report, url, recovered));
  report.add('recovery.settled.perSecond', await restoredPerSecond(instances, 'running'), instances);
  report.add('recovery.inFlight.perSecond', await restoredPerSecond(instances, 'networking'), instances);
  report.add('recovery.worlds.perSecond', await worldsPerSecond(worlds), worlds);
}

async function measureHost(report: Report, url: string, instances: number): Promise<void> {
  const cloud = await startCloudProcesses(url, 'processes');
  try {
    await repeat(instances, launchesAtOnce, cloud.launch);
    report.add('recovery.instances', instances, 1);
    report.add('recovery.stopped.ms', await timeReturn(cloud, url, 'SIGTERM'), 1);
    report.add('recovery.killed.ms', await timeReturn(cloud, url, 'SIGKILL'), 1);
  } finally {
    await cloud.stop();
  }
}

/** Ends the compute process, and starts it again. Resolves with how long it was until the host was up. */
async function timeReturn({ client, folder, processes }: Cloud, url: string, signal: NodeJS.Signals): Promise<number> {
  const compute = processes.findIndex(({ name }) => name === 'compute');
  const before = processes[compute];
  if (!before) throw new Error('there is no compute process');
  process.kill(before.pid, signal);
  await before.stop();
  const host = async () => (await client.ask(api.host.list, {})).hosts[0];
  const earlier = (await host())?.startedAt;
  const startedAt = performance.now();
  processes[compute] = await startPart('compute', url, folder);
  await eventually(async () => {
    const now = await host();
    return (now?.hypervisorState === 'up' && now.startedAt !== earlier) || undefined;
  }, deadlineMs);
  return performance.now() - startedAt;
}

/** As a host takes up what is its own, when it starts. */
async function restoredPerSecond(count: number, state: 'running' | 'networking'): Promise<number> {
  const world = worldOf(state === 'running' ? {} : { allocateNetwork: waiting() });
  const record = state === 'running' ? await settledRecord() : await inState(world, state);
  const stored = encoded(record);
  const owners: InstanceOwner[] = [];
  const startedAt = performance.now();
  for (let index = 0; index < count; index++) {
    const owner = new InstanceOwner(world, buckets.instance.record.decode(stored), 1);
    if (owner.record.chart.children) owner.start();
    // What a host tells each of them when it has looked.
    owner.accepts({ type: 'domain.changed', powerState: 'running', at: owner.now() });
    owners.push(owner);
  }
  const elapsedMs = performance.now() - startedAt;
  const wrong = owners.find((owner) => owner.state !== state);
  if (wrong) throw new Error(`an instance is ${wrong.state}, and should be ${state}`);
  for (const owner of owners) await owner.halt();
  return (count * 1000) / elapsedMs;
}

async function inState(world: Parameters<typeof own>[0], state: string) {
  const owner = await own(world, state)();
  await owner.halt();
  return owner.record;
}

async function worldsPerSecond(count: number): Promise<number> {
  const startedAt = performance.now();
  for (let seed = 1; seed <= count; seed++) {
    const { violations } = await runWorld(scriptOf(seed));
    if (violations.length > 0) throw new Error(`a promise is broken in the world of seed ${seed}`);
  }
  return (count * 1000) / (performance.now() - startedAt);
}
