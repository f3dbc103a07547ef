/**
 * How long a launch takes through all parts when the hypervisor takes no time: measured on a simulated host that is
 * there for this only, in a zone of its own. Nothing is left of it, not even the records of what it launched.
 */
import { startSimulatedHost } from '../../actors/cloud/compute-hosts.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { api } from '../messages/api.ts';
import type { ApiClient } from '../nats/api-client.ts';
import { consumers, encodeToken, streams } from '../nats/subjects.ts';

const zone = 'launch-path';
/** The first ones warm up what Node compiles as it runs, as a cloud that has been up for a while is. */
const warmUps = 60;
const launches = 41;

export interface LaunchPath {
  medianMs: number;
  slowestMs: number;
  launches: number;
  warmUps: number;
}

/** From the request until the fact that the instance runs; one launch at a time. */
export async function measureLaunchPath(
  runtime: Runtime,
  client: ApiClient,
  wishes: { projectId: string; image: string; flavor: string },
): Promise<LaunchPath> {
  const host = `simulated-${runtime.chance.uuid().slice(0, 8)}`;
  const part = await startSimulatedHost(runtime, { name: host, availabilityZone: zone });
  const hosts = await runtime.store.view('host');
  while (hosts.get(encodeToken(host))?.hypervisorState !== 'up') await new Promise((resolve) => setTimeout(resolve, 5));
  const done: Launch[] = [];
  try {
    for (let index = 0; index < warmUps + launches; index++) done.push(await launchOnce(client, wishes, index));
    const times = done.slice(warmUps).map(({ tookMs }) => tookMs);
    times.sort((a, b) => a - b);
    return { medianMs: times[Math.floor(launches / 2)] ?? 0, slowestMs: times.at(-1) ?? 0, launches, warmUps };
  } finally {
    await part.stop();
    const instances = await runtime.store.bucket('instance');
    for (const { uuid } of done) await instances.remove(uuid);
    await (await runtime.store.bucket('host')).remove(encodeToken(host));
    await runtime.bus.nats.manager.consumers.delete(streams.casts.name, consumers.compute(host));
  }
}

interface Launch {
  uuid: string;
  tookMs: number;
}

async function launchOnce(
  client: ApiClient,
  { projectId, image, flavor }: { projectId: string; image: string; flavor: string },
  index: number,
): Promise<Launch> {
  const running = Promise.withResolvers<void>();
  const deleted = Promise.withResolvers<void>();
  const name = `launch-path-${index}`;
  const stop = client.follow(projectId, (fact) => {
    if (fact.name !== name || fact.type !== 'transition') return;
    if (fact.to === 'running') running.resolve();
    if (fact.to === 'deleted') deleted.resolve();
    if (fact.to.startsWith('failed')) running.reject(new Error(fact.failure?.message ?? fact.to));
  });
  try {
    const startedAt = performance.now();
    const created = client.ask(api.instance.create, { name, image, flavor, availabilityZone: zone });
    const [{ instances }] = await Promise.all([created, running.promise]);
    const tookMs = performance.now() - startedAt;
    const uuid = instances[0]?.uuid ?? '';
    await client.ask(api.instance.delete, { uuid });
    await deleted.promise;
    return { uuid, tookMs };
  } finally {
    stop();
  }
}
