/**
 * A compute host: takes the casts for it, owns the instances that were placed on it, and keeps them in step with what
 * its hypervisor does. Nova's compute worker.
 */
import { fail, toFailure } from '../../machines/failure.ts';
import type { ReportedPowerState } from '../../machines/instance.ts';
import { computeCalls, computeCasts } from '../../transport/messages/internal.ts';
import type { Host, Instance } from '../../transport/messages/records.ts';
import { serve } from '../../transport/nats/call.ts';
import type { CallContext } from '../../transport/nats/call-context.ts';
import { consumeCasts, onCast, type Receipt } from '../../transport/nats/cast.ts';
import { consumers, subjects } from '../../transport/nats/subjects.ts';
import { openView } from '../../transport/nats/view.ts';
import type { Hypervisor, HypervisorFacts } from '../hypervisor/hypervisor.ts';
import { provideEffects } from '../instance/effects.ts';
import { publishTransition } from '../instance/facts.ts';
import { InstanceOwner, isSameOwner, type OwnerWorld } from '../instance/owner.ts';
import { requestPlacement } from '../instance/request-placement.ts';
import { sleep } from '../runtime/clock.ts';
import type { Part, Runtime } from '../runtime/runtime.ts';
import { type Capacity, defaultAllocationRatio } from './capacity.ts';
import { Claims } from './claims.ts';
import { type AllocatedPort, GuestSpecs } from './guest-specs.ts';
import { HostActor } from './host-actor.ts';
import { hostEffects } from './instance-effects.ts';

export interface ComputeOptions {
  name: string;
  availabilityZone?: string;
  hypervisor: Hypervisor;
  capacity: Capacity;
  allocationRatio?: Host['allocationRatio'];
  plugNetwork?: (port: AllocatedPort, signal: AbortSignal) => Promise<void>;
}

/** How long to wait between attempts to connect to the hypervisor (ms). */
const reconnectMs = 1_000;

export async function startCompute(runtime: Runtime, options: ComputeOptions): Promise<Part> {
  const { bus, store, clock, logger } = runtime;
  const { name, availabilityZone = 'nova', hypervisor, capacity, allocationRatio = defaultAllocationRatio } = options;
  const self = { host: name };
  const [bucket, payloads, images] = await Promise.all([
    store.bucket('instance'),
    store.bucket('payload'),
    store.view('image'),
  ]);
  const claims = new Claims(capacity, allocationRatio);
  const specs = new GuestSpecs(bus, images, payloads, { name, availabilityZone });
  const owners = new Map<string, InstanceOwner>();
  /** What the hypervisor reported last, for a chart that could not hear it at the time. */
  const reported = new Map<string, ReportedPowerState>();
  const world: OwnerWorld = {
    name: self,
    machine: provideEffects(
      hostEffects({
        hypervisor,
        claims,
        specs,
        requestPlacement: requestPlacement(bus),
        ...(options.plugNetwork && { plugNetwork: options.plugNetwork }),
      }),
    ),
    bucket,
    clock,
    logger,
    publish: (fact) => publishTransition(bus, fact),
    onSettle(owner) {
      const powerState = reported.get(owner.uuid);
      reported.delete(owner.uuid);
      if (powerState !== undefined) void tellPower(owner, powerState);
    },
    onRelease(owner) {
      if (owners.get(owner.uuid) !== owner) return;
      owners.delete(owner.uuid);
      reported.delete(owner.uuid);
      claims.release(owner.uuid);
      specs.forget(owner.uuid);
    },
  };

  function own(record: Instance, revision: number, context?: CallContext): InstanceOwner {
    const owner = new InstanceOwner(world, record, revision, context);
    owners.set(record.uuid, owner);
    return owner;
  }

  /** The owner of an instance of this host, also of one that this process has not heard of yet. */
  async function ownerOf(uuid: string): Promise<InstanceOwner> {
    const known = owners.get(uuid);
    if (known) return known;
    const stored = await bucket.get(uuid);
    if (!stored || !isSameOwner(stored.value.owner, self)) {
      throw fail('conflict', `instance ${uuid} is not on host ${name}`, { disposition: 'retry' });
    }
    if (stored.value.chart.status === 'done') throw fail('conflict', `instance ${uuid} is deleted`);
    // Two casts may have looked at the same time.
    const owner = owners.get(uuid) ?? own(stored.value, stored.revision);
    adopt(owner);
    return owner;
  }

  /** Goes on with an instance of which this process knows only the record. */
  function adopt(owner: InstanceOwner): void {
    if (holdsClaim(owner.state)) claims.hold(owner.uuid, owner.record.flavor);
    if (owner.record.chart.children) owner.start();
  }

  async function runInstance({ record, revision }: { record: Instance; revision: number }, context: CallContext) {
    const known = owners.get(record.uuid);
    if (known && known.context.attempt >= attemptOf(record)) return;
    own(record, revision, context).start();
  }

  async function commandInstance(
    { uuid, command }: { uuid: string; command: Parameters<InstanceOwner['send']>[0] },
    context: CallContext,
  ): Promise<Receipt> {
    try {
      const owner = await ownerOf(uuid);
      owner.callContext = context;
      return { revision: await owner.send(command) };
    } catch (thrown) {
      const failure = toFailure(thrown);
      // Refused for good: to deliver it again would not make it right.
      if (failure.code === 'conflict') return { failure };
      throw thrown;
    }
  }

  async function reconcile(): Promise<void> {
    const view = await openView(bucket);
    view.close();
    for (const { value, revision } of view.entries()) {
      if (owners.has(value.uuid) || !isSameOwner(value.owner, self) || value.chart.status === 'done') continue;
      adopt(own(value, revision));
    }
    const domains = new Map((await hypervisor.listDomains()).map((domain) => [domain.uuid, domain.powerState]));
    await Promise.all([...owners.values()].map((owner) => tellPower(owner, domains.get(owner.uuid) ?? 'absent')));
  }

  async function tellPower(owner: InstanceOwner, powerState: ReportedPowerState) {
    try {
      await owner.send({ type: 'domain.changed', powerState, at: clock.now() });
    } catch (thrown) {
      // What the chart expects, or what a step under way brings about.
      if (toFailure(thrown).code !== 'conflict') logger.error({ uuid: owner.uuid, error: thrown }, 'a domain changed');
    }
  }

  let hypervisorFacts: HypervisorFacts | undefined;
  const host = await HostActor.start(
    runtime,
    name,
    {
      async connectHypervisor() {
        try {
          hypervisorFacts = await hypervisor.connect();
        } catch (thrown) {
          // The chart tries again at once.
          await sleep(clock, reconnectMs);
          throw thrown;
        }
      },
      reconcileInstances: reconcile,
    },
    () => ({
      name,
      availabilityZone,
      capacity,
      allocationRatio,
      hypervisor: hypervisorFacts ?? { type: 'unknown', version: 0, virtType: 'qemu', architectures: [] },
    }),
  );

  const stopListening = hypervisor.onEvent((event) => {
    if (event.type === 'connected') host.send({ type: 'hypervisor.connected', at: clock.now() });
    else if (event.type === 'lost') {
      const failure = fail('hypervisor_unavailable', event.reason, { disposition: 'retry' }).failure;
      host.send({ type: 'hypervisor.lost', failure, at: clock.now() });
    } else {
      const owner = owners.get(event.uuid);
      if (!owner) return;
      reported.set(event.uuid, event.powerState);
      void tellPower(owner, event.powerState);
    }
  });

  const call = computeCalls.consoleLog;
  const stopServing = serve(bus, subjects.computeCall(name, call.name), call, async ({ uuid, maxBytes }) => ({
    output: await hypervisor.consoleLog(uuid, maxBytes),
  }));

  const casts = await consumeCasts(bus, {
    durable: consumers.compute(name),
    subject: subjects.computeCasts(name),
    handlers: [onCast(computeCasts.runInstance, runInstance), onCast(computeCasts.commandInstance, commandInstance)],
    onFailure: (failure, about) => logger.error({ failure, ...about, host: name }, 'a cast could not be applied'),
  });

  return {
    async stop() {
      await Promise.all([casts.stop(), stopServing()]);
      stopListening();
      await Promise.all([...owners.values()].map((owner) => owner.halt()));
      await host.stop();
      await hypervisor.close();
    },
  };
}

function attemptOf({ chart }: Instance): number {
  return Number(chart.context.attempt);
}

/** Whether an instance in this state has its share of the host. */
function holdsClaim(state: string): boolean {
  const holdsNothing = state.startsWith('failed.') && state !== 'failed.powering' && state !== 'failed.releasing';
  return !holdsNothing && state !== 'deleted' && !state.startsWith('building');
}
