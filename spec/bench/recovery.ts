/**
 * How long it takes until all goes on: a host that comes back, launches of one that does not, instances from their records,
 * whole worlds with faults.
 */
import { adminProject } from '../../actors/identity/first-admin.ts';
import { InstanceOwner } from '../../actors/instance/owner.ts';
import { stateOf } from '../../actors/instance/stored-chart.ts';
import { api } from '../../transport/messages/api.ts';
import { buckets } from '../../transport/messages/records.ts';
import { runWorld } from '../simulation/run-world.ts';
import { scriptOf } from '../simulation/script.ts';
import { openNatsLink } from '../support/nats-link.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
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
  { recovered, silence, instances, worlds }: Record<'recovered' | 'silence' | 'instances' | 'worlds', number>,
): Promise<void> {
  await withNats(({ url }) => measureHost(report, url, recovered));
  await measureLostHost(report, recovered, silence);
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

/** A host that holds launches in the midst of their way is heard of no more; another one is there. */
async function measureLostHost(report: Report, launches: number, silenceMs: number): Promise<void> {
  const cloud = await startTestCloud({ hosts: [], pulse: { beatEveryMs: silenceMs / 3, deadAfterMs: silenceMs } });
  const link = await openNatsLink(cloud.url);
  try {
    const capacity = { vcpus: 2048, memoryMb: 2 ** 21, diskGb: 2 ** 15 };
    await cloud.addHost({ name: 'lost', capacity, runtime: await cloud.connect(link.url) });
    cloud.hypervisors.get('lost')?.hang('createDomain');
    await cloud.client.ask(api.quota.set, { projectId: adminProject, instances: -1, vcpus: -1, memoryMb: -1 });
    const held = untilAll(cloud, launches, 'spawning.creatingDomain');
    await repeat(launches, launchesAtOnce, async (index) => void (await cloud.create({ name: `held-${index}` })));
    await held;
    await cloud.addHost({ name: 'other', capacity });
    const running = untilAll(cloud, launches, 'running');
    const hosts = await cloud.runtime.store.view('host');
    const declared = Promise.withResolvers<number>();
    const stopListening = hosts.onChange(({ after }) => after?.down && declared.resolve(performance.now()));
    link.cut();
    const lostAt = performance.now();
    const runningAt = await running;
    stopListening();
    report.add('recovery.lost.launches', launches, 1);
    report.add('recovery.lost.declared.ms', (await declared.promise) - lostAt, 1);
    report.add('recovery.lost.rescheduled.ms', runningAt - lostAt, launches);
  } finally {
    link.mend();
    await cloud.stop();
    await link.close();
  }
}

/** Resolves with when so many instances have come to a state. */
async function untilAll({ runtime }: TestCloud, count: number, state: string): Promise<number> {
  const instances = await runtime.store.view('instance');
  const there = new Map<string, number>();
  const stop = instances.onChange(({ key, after }) => {
    if (after && stateOf(after) === state) there.set(key, performance.now());
  });
  await eventually(() => there.size === count || undefined, deadlineMs).finally(stop);
  return Math.max(...there.values());
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
    owner.accepts({ type: 'domain.changed', powerState: 'running', at: world.clock.now() });
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
