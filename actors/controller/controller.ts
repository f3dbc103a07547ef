/**
 * The cloud controller: between the API servers and everything else. Authorises what a caller asks, records instances,
 * and casts to the scheduler and to hosts. Any number of them share the work.
 */

import { fail } from '../../machines/failure.ts';
import { controllerCalls } from '../../transport/messages/internal.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import { type Call, type StopServing, serve } from '../../transport/nats/call.ts';
import type { CallContext, Caller } from '../../transport/nats/call-context.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { openAuthenticator, requireWriter } from '../identity/authenticator.ts';
import { provideEffects } from '../instance/effects.ts';
import { publishTransition } from '../instance/facts.ts';
import type { OwnerWorld } from '../instance/owner.ts';
import { requestPlacement } from '../instance/request-placement.ts';
import { MacAddresses } from '../network/mac-addresses.ts';
import type { Part, Runtime } from '../runtime/runtime.ts';
import { Admissions } from './admissions.ts';
import { Catalog, keyPairKey } from './catalog.ts';
import { commandInstance } from './command-instance.ts';
import { createInstances } from './create-instances.ts';
import { createKeyPair } from './key-pairs.ts';
import { startPayloadSweep } from './payload-sweep.ts';
import { startPlacementSweep } from './placement-sweep.ts';

export interface ControllerOptions {
  /** How many hosts may be tried for a launch. Nova's scheduler_max_attempts. */
  maxAttempts?: number;
}

export async function startController(runtime: Runtime, { maxAttempts = 3 }: ControllerOptions = {}): Promise<Part> {
  const { bus, store, clock, chance, logger } = runtime;
  const authenticator = await openAuthenticator(runtime);
  const [instances, instanceBucket, payloads, keyPairs, keyPairView] = await Promise.all([
    store.view('instance'),
    store.bucket('instance'),
    store.bucket('payload'),
    store.bucket('keyPair'),
    store.view('keyPair'),
  ]);
  const [admissions, catalog, macs] = await Promise.all([
    Admissions.open(runtime),
    Catalog.open(runtime),
    MacAddresses.open(runtime),
  ]);
  let isStopping = false;
  const owners: OwnerWorld = {
    name: 'control',
    machine: provideEffects({ requestPlacement: requestPlacement(bus) }),
    bucket: instanceBucket,
    clock,
    logger,
    publish: (fact) => publishTransition(bus, fact),
    isStopping: () => isStopping,
  };
  const creation = {
    admissions,
    catalog,
    macs,
    instances,
    instanceBucket,
    payloads,
    owners,
    clock,
    chance,
    maxAttempts,
  };
  const commands = { bus, instances, instanceBucket, owners, chance };

  const serving: StopServing[] = [];

  /** Every call of this part changes something: a caller that only reads may make none. */
  function on<Q, R>(call: Call<Q, R>, handle: (body: Q, caller: Caller, context: CallContext) => Promise<R>): void {
    const stop = serve(
      bus,
      subjects.controllerCall(call.name),
      call,
      async (body, context) => {
        const caller = authenticator.confirm(context.caller);
        requireWriter(caller);
        return handle(body, caller, context);
      },
      { queue: 'controller' },
    );
    serving.push(stop);
  }

  on(controllerCalls.createInstance, async (request, caller, context) => {
    const entries = await createInstances(creation, request, caller, context);
    return { instances: entries.map(({ value, revision }) => ({ record: value, revision })) };
  });

  on(controllerCalls.commandInstance, async (request, caller, context) => {
    const revision = await commandInstance(commands, request, caller, context);
    return revision === undefined ? {} : { revision };
  });

  on(controllerCalls.createKeyPair, async (request, caller) => {
    const limit = admissions.quotaOf(caller.projectId).keyPairs;
    const created = await createKeyPair(keyPairs, clock, request, caller);
    await keyPairView.reached(created.revision);
    // Whoever was first, in the order of the store, keeps what they made: so concurrent creates cannot exceed it.
    const before = [...keyPairView.entries()].filter(
      ({ value, revision }) =>
        value.projectId === caller.projectId && value.userId === caller.userId && revision < created.revision,
    ).length;
    if (limit >= 0 && before >= limit) {
      await keyPairs.remove(keyPairKey(caller, request.name), created.revision);
      throw fail('quota_exceeded', `the quota of ${limit} key pairs is used up`, {
        details: { resource: 'keyPairs', limit, used: before, requested: 1 },
      });
    }
    return created;
  });

  on(controllerCalls.deleteKeyPair, async ({ name }, caller) => {
    const key = keyPairKey(caller, name);
    const entry = await keyPairs.get(key);
    if (!entry)
      throw fail('not_found', `there is no key pair ${JSON.stringify(name)}`, { details: { field: '/name' } });
    const removed = await keyPairs.remove(key, entry.revision);
    if (removed === conflict) throw fail('conflict', 'the key pair was changed just now', { disposition: 'retry' });
    return { key, revision: entry.revision };
  });

  const stopPlacementSweep = startPlacementSweep(instances, owners, clock, logger);
  const stopPayloadSweep = startPayloadSweep(payloads, instances, clock, logger);
  return {
    async stop() {
      isStopping = true;
      stopPlacementSweep();
      stopPayloadSweep();
      await Promise.all(serving.map((stop) => stop()));
    },
  };
}
