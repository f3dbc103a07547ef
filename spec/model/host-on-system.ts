/**
 * Runs paths of the host specification against the whole system: a compute process of its own, whose hypervisor connects,
 * fails and goes away as the path says, and which stands still until it is held for dead; and an operator, also while the
 * process does not run. The host has to tell of each
 * state that the specification goes through, and an administrator has to see the last one.
 */
import { startCompute } from '../../actors/compute/compute.ts';
import type { Part } from '../../actors/runtime/runtime.ts';
import type { Failure } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import { facts } from '../../transport/messages/internal.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { newHost } from '../support/records.ts';
import { eventually } from '../support/test-cloud.ts';
import { ConductedClock } from './conducted-clock.ts';
import type { ConductedCloud } from './conducted-cloud.ts';
import { ConductedHypervisor } from './conducted-hypervisor.ts';
import { Conductor } from './conductor.ts';
import { hostSpecification } from './host-specification.ts';
import { PathFailed } from './on-chart.ts';
import type { Path } from './paths.ts';

const capacity = { vcpus: 4, memoryMb: 4096, diskGb: 40 };
const away: Failure = { code: 'hypervisor_unavailable', message: 'the path says so', disposition: 'abort' };

/** Names each path's host. */
let paths = 0;

/** The step that decides in a state. */
function stepOf(state: string): string | undefined {
  if (state.startsWith('connecting')) return 'connect';
  return state.startsWith('reconciling') ? 'listGuests' : undefined;
}

function stoppedHost(name: string) {
  const stopped = newHost(name, { hypervisorState: 'stopped', heartbeatAt: 0 });
  const value = { hypervisor: 'stopped', service: 'enabled' };
  return { ...stopped, chart: { ...stopped.chart, value, context: { name, connection: 0 } } };
}

export async function runHostOnSystem({ cloud, start, isDown }: ConductedCloud, path: Path): Promise<void> {
  const { runtime, client } = cloud;
  const name = `model-host-${++paths}`;
  const conductor = new Conductor();
  const clock = new ConductedClock();
  const hypervisor = new ConductedHypervisor(conductor);
  const told: string[] = [];
  const wanted: string[] = [];
  // It was there before: who does not know a host cannot want anything of it.
  await (await runtime.store.bucket('host')).create(name, stoppedHost(name));
  const subscription = runtime.bus.nats.connection.subscribe(subjects.hostFact(name), {
    callback: (error, message) => {
      if (error) return;
      const { type, to } = facts.host.body.decode(message.data);
      if (type === 'transition' || type === 'command') told.push(to);
    },
  });
  let specified = hostSpecification.initial;
  let part: Part | undefined;

  async function stop(): Promise<void> {
    const running = part;
    part = undefined;
    await running?.stop();
  }

  async function hear(): Promise<void> {
    await eventually(() => told.length >= wanted.length || undefined).catch(() => undefined);
    if (told.join() !== wanted.join()) throw new Error(`the host tells of ${told.join()}, not ${wanted.join()}`);
  }

  function want(event: string) {
    if (event === 'operator: enable') return client.ask(api.host.enable, { host: name });
    const endpoint = event === 'operator: drain' ? api.host.drain : api.host.disable;
    return client.ask(endpoint, { host: name, reason: event });
  }

  async function happen(event: string): Promise<void> {
    const next = hostSpecification.next(specified, event);
    if (!next) throw new Error(`the specification does not know it in ${specified.state}`);
    const step = stepOf(next.state);
    if (event === 'process: starts') {
      conductor.await(step);
      part = await start((its) => startCompute(its, { name, hypervisor, capacity }), clock);
    } else if (event.startsWith('operator: ')) {
      const { host } = await want(event);
      // Each is told of, also one that is wanted already.
      wanted.push(next.state);
      if (`${host.hypervisorState} ${host.service}` !== next.state) throw new Error(`the host is ${host.service}`);
      specified = next;
      return hear();
    } else if (event.includes(': ')) {
      if (stepOf(specified.state)) await conductor.arrived();
      const letGo = conductor.expect(step);
      if (event === 'hypervisor: lost') hypervisor.loseConnection();
      else if (event === 'hypervisor: connected') hypervisor.restoreConnection();
      else if (event === 'host: down') {
        const goOn = clock.stand();
        await isDown(name).finally(goOn);
      } else await stop();
      letGo();
    } else {
      await conductor.arrived();
      conductor.goOn(event.endsWith('fails') ? { failure: away } : 'work', step);
    }
    if (next.state !== specified.state) wanted.push(next.state);
    specified = next;
    await hear();
  }

  try {
    for (const [index, event] of path.entries()) {
      await happen(event).catch((error) => {
        throw new PathFailed(path.slice(0, index + 1), error instanceof Error ? error.message : String(error));
      });
    }
    await eventually(async () => {
      const { hosts } = await client.ask(api.host.list, {});
      const seen = hosts.find((host) => host.name === name);
      return path.length === 0 || `${seen?.hypervisorState} ${seen?.service}` === specified.state || undefined;
    });
  } finally {
    conductor.end();
    subscription.unsubscribe();
    await stop();
  }
}
