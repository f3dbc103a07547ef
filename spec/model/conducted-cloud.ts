/**
 * A whole cloud on a real nats-server in which the calls to the network controller and the casts to the scheduler, too,
 * wait for the conductor of the instance that they are about. A call that is to fail is sent to a network controller that
 * refuses everything, so that the failure comes over the wire.
 */

import { adminProject } from '../../actors/identity/first-admin.ts';
import { fail } from '../../machines/failure.ts';
import { networkCalls, schedulerCasts } from '../../transport/messages/internal.ts';
import type { InstanceFact } from '../../transport/nats/api-client.ts';
import { serve } from '../../transport/nats/call.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { Conductor } from './conductor.ts';
import { maxAttempts } from './instance-specification.ts';

export interface ConductedCloud {
  cloud: TestCloud;
  /** The conductor of the instance of this name. */
  conduct(name: string): Conductor;
  /** Calls back for each transition of the instance. */
  follow(uuid: string, listener: (fact: InstanceFact) => void): void;
  stop(): Promise<void>;
}

export async function startConductedCloud(): Promise<ConductedCloud> {
  const cloud = await startTestCloud({ hosts: [], controller: { maxAttempts }, scheduler: { policy: 'zone' } });
  const { bus } = cloud.runtime;
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

  const { allocateForInstance, releaseForInstance } = networkCalls;
  const steps = new Map([
    [subjects.networkCall(allocateForInstance.name), 'allocateNetwork'],
    [subjects.networkCall(releaseForInstance.name), 'releaseNetwork'],
  ]);
  const refusing = 'model.network.refusing';
  const stopRefusing = serve(bus, refusing, releaseForInstance, async () => {
    throw fail('network_unavailable', 'the network refuses');
  });
  const stopRefusingHere = serve(bus, `${refusing}.here`, releaseForInstance, async () => {
    throw fail('network_unavailable', 'the network refuses here', { disposition: 'reschedule' });
  });

  const { request } = bus;
  bus.request = async (subject, payload, options) => {
    const step = steps.get(subject);
    if (step) {
      const { instanceUuid } = JSON.parse(String(payload)) as { instanceUuid: string };
      try {
        await conductors.get(names.get(instanceUuid) ?? '')?.turn(step);
      } catch (error) {
        const isElsewhere = (error as { failure?: { disposition?: string } }).failure?.disposition === 'reschedule';
        const about = JSON.stringify({ instanceUuid });
        return request(isElsewhere ? `${refusing}.here` : refusing, about, options);
      }
    }
    if (subject === subjects.schedulerCast(schedulerCasts.runInstance.name)) {
      const { record } = JSON.parse(String(payload)) as { record: { uuid: string; name: string } };
      names.set(record.uuid, record.name);
      try {
        await conductors.get(record.name)?.turn('requestPlacement');
      } catch {
        // What is no answer of the store's is not tried again.
        throw new TypeError('the work queue refuses the launch');
      }
    }
    return request(subject, payload, options);
  };

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
    async stop() {
      stopFollowing();
      await Promise.all([stopRefusing(), stopRefusingHere()]);
      await cloud.stop();
    },
  };
}
