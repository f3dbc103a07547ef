/**
 * A whole cloud on a real nats-server in which the calls to the network controller, the casts to the scheduler, and those
 * that tell hosts to forget, too, wait for the conductor of the instance that they are about. A call that is to fail is sent
 * to a network controller that refuses everything, so that the failure comes over the wire.
 */
import { startCloud } from '../../actors/cloud/cloud.ts';
import { adminProject } from '../../actors/identity/first-admin.ts';
import { hostKey } from '../../actors/records/keys.ts';
import type { Pulse } from '../../actors/runtime/pulse.ts';
import { createRuntime, type Part, type Runtime } from '../../actors/runtime/runtime.ts';
import { fail } from '../../machines/failure.ts';
import { type Clock, systemChance } from '../../transport/clock.ts';
import { computeCasts, networkCalls, schedulerCasts } from '../../transport/messages/internal.ts';
import type { InstanceFact } from '../../transport/nats/api-client.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { serve } from '../../transport/nats/call.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { nameOf, subjects } from '../../transport/nats/subjects.ts';
import { controlPlane, eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { ConductedClock } from './conducted-clock.ts';
import { Conductor } from './conductor.ts';
import { maxAttempts } from './instance-specification.ts';
import { Rendezvous } from './rendezvous.ts';

export interface ConductedCloud {
  cloud: TestCloud;
  /** The conductor of the instance of this name. */
  conduct(name: string): Conductor;
  /** Calls back for each transition of the instance. */
  follow(uuid: string, listener: (fact: InstanceFact) => void): void;
  /** Resolves when the parts know of the host's record at this revision. */
  isKnown(revision: number): Promise<void>;
  /** Starts a part on a connection of its own, which ends with it. */
  start(begin: (runtime: Runtime) => Promise<Part>, clock: Clock): Promise<ConductedPart>;
  /** Resolves when the host was not heard for so long that it is held for dead, and all parts know. */
  isDown(host: string): Promise<void>;
  /** Where API server, controller, scheduler and network controller end, when others have taken over from them. */
  restarts: Rendezvous;
  stop(): Promise<void>;
}

export interface ConductedPart extends Part {
  /** Ends as a process does that is killed: resolves when nothing comes from it any more. `stop` resolves when it is over. */
  die(): Promise<void>;
}

/** The two flavors that resizes go between. */
export const flavors = { first: 'model.first', second: 'model.second' };

const refusing = 'model.network.refusing';
const { allocateForInstance, releaseForInstance } = networkCalls;
const networkSteps = new Map([
  [allocateForInstance.name, 'allocateNetwork'],
  [releaseForInstance.name, 'releaseNetwork'],
]);

const placing = subjects.schedulerCast(schedulerCasts.runInstance.name);

/** A host is held for dead soon, but not when it is started anew while many paths keep this process busy. */
const pulse: Pulse = { beatEveryMs: 300, deadAfterMs: 2_000 };

/** So much later it is each time that others take over: what the control plane has begun is old enough to be begun anew. */
const aheadMs = 6_000;

export async function startConductedCloud(): Promise<ConductedCloud> {
  const cloud = await startTestCloud({ roles: [], hosts: [] });
  const { bus, store, logger } = cloud.runtime;
  const conductors = new Map<string, Conductor>();
  const names = new Map<string, string>();
  const listeners = new Map<string, (fact: InstanceFact) => void>();
  const early = new Map<string, InstanceFact[]>();

  const stopFollowing = cloud.client.follow(adminProject, (fact) => {
    if (fact.type !== 'transition') return;
    const listener = listeners.get(fact.uuid);
    if (listener) listener(fact);
    else early.set(fact.uuid, [...(early.get(fact.uuid) ?? []), fact]);
  });

  const stopRefusing = serve(bus, refusing, releaseForInstance, async () => {
    throw fail('network_unavailable', 'the network refuses');
  });
  const stopRefusingHere = serve(bus, `${refusing}.here`, releaseForInstance, async () => {
    throw fail('network_unavailable', 'the network refuses here', { disposition: 'reschedule' });
  });

  /** The bus of a part whose requests are held. */
  function conducted({ request, ...rest }: Bus): Bus {
    return {
      ...rest,
      request: async (subject, payload, options) => {
        const step = networkSteps.get(nameOf(subject));
        if (step) {
          const { instanceUuid } = JSON.parse(String(payload)) as { instanceUuid: string };
          try {
            await conductors.get(names.get(instanceUuid) ?? '')?.turn(step);
          } catch (error) {
            const isElsewhere = (error as { failure?: { disposition?: string } }).failure?.disposition === 'reschedule';
            const about = JSON.stringify({ instanceUuid });
            return request(isElsewhere ? `${refusing}.here` : refusing, about, options);
          }
        } else if (subject === placing) {
          const { record } = JSON.parse(String(payload)) as { record: { uuid: string; name: string } };
          names.set(record.uuid, record.name);
          await mayCast('requestPlacement', record.uuid);
        } else if (nameOf(subject) === computeCasts.forgetInstance.name) {
          const { uuid } = JSON.parse(String(payload)) as { uuid: string };
          for (const step of ['leaveLostHosts', 'leaveTriedHosts']) await mayCast(step, uuid);
        }
        return request(subject, payload, options);
      },
    };
  }

  async function mayCast(step: string, uuid: string): Promise<void> {
    try {
      await conductors.get(names.get(uuid) ?? '')?.turn(step);
    } catch {
      // What is no answer of the store's is not tried again.
      throw new TypeError('the work queue refuses it');
    }
  }

  async function start(begin: (runtime: Runtime) => Promise<Part>, clock: Clock): Promise<ConductedPart> {
    const own = await connectBus({ url: cloud.url, name: 'model' });
    const runtime = await createRuntime({ bus: conducted(own), clock, chance: systemChance, logger, pulse });
    const part = await begin(runtime);
    let stopping: Promise<void> | undefined;
    async function end(): Promise<void> {
      await part.stop();
      await runtime.store.close();
      await own.close();
    }
    return {
      async die() {
        await own.abandon();
        // What looked at the store would try to go on, for as long as the part waits for an effect that is held.
        await runtime.store.close();
        stopping = end();
      },
      stop() {
        stopping ??= end();
        return stopping;
      },
    };
  }

  const isKnown = async (revision: number) => (await latest?.store.view('host'))?.reached(revision);
  const options = { roles: controlPlane, controller: { maxAttempts }, scheduler: { policy: 'zone' as const } };
  let takeovers = 0;
  let latest: Runtime | undefined;
  const startParts = (clock: Clock) =>
    start((runtime) => {
      latest = runtime;
      return startCloud(runtime, options);
    }, clock);
  let parts = await startParts(new ConductedClock());
  const restarts = new Rendezvous(async () => {
    const before = parts;
    parts = await startParts(new ConductedClock(aheadMs * ++takeovers));
    await before.stop();
  });

  // As many at a time as are wanted.
  const unlimited = { instances: -1, vcpus: -1, memoryMb: -1, keyPairs: -1, serverGroups: -1, securityGroups: -1 };
  await (await store.bucket('quota')).put(adminProject, unlimited);
  const bucket = await store.bucket('flavor');
  const flavor = { vcpus: 1, memoryMb: 128, rootGb: 0 };
  await bucket.create('model-1', { id: 'model-1', name: flavors.first, ...flavor });
  await bucket.create('model-2', { id: 'model-2', name: flavors.second, ...flavor, memoryMb: 256 });

  return {
    cloud,
    conduct(name) {
      const conductor = new Conductor();
      conductors.set(name, conductor);
      return conductor;
    },
    follow(uuid, listener) {
      for (const fact of early.get(uuid) ?? []) listener(fact);
      listeners.set(uuid, listener);
    },
    isKnown,
    async isDown(host) {
      const hosts = await store.view('host');
      const { revision } = await eventually(() => {
        const entry = hosts.entry(hostKey(host));
        return entry?.value.down ? entry : undefined;
      });
      await isKnown(revision);
    },
    start,
    restarts,
    async stop() {
      stopFollowing();
      await parts.stop();
      await Promise.all([stopRefusing(), stopRefusingHere()]);
      await cloud.stop();
    },
  };
}
