/**
 * A compute host: takes the casts for it, owns the instances that were placed on it, and keeps them in step with what
 * its hypervisor does. Nova's compute worker.
 */
import { fail } from '../../machines/failure.ts';
import { sleep } from '../../transport/clock.ts';
import { computeCalls, computeCasts } from '../../transport/messages/internal.ts';
import type { Host } from '../../transport/messages/records.ts';
import { type StopServing, serve } from '../../transport/nats/call.ts';
import { type CastConsumer, consumeCasts, onCast } from '../../transport/nats/cast.ts';
import { consumers, subjects } from '../../transport/nats/subjects.ts';
import type { GuestPort, Hypervisor, HypervisorFacts } from '../hypervisor/hypervisor.ts';
import { provideEffects } from '../instance/effects.ts';
import { publishTransition } from '../instance/facts.ts';
import { requestPlacement } from '../instance/request-placement.ts';
import { openDeadLetters } from '../runtime/dead-letters.ts';
import type { Part, Runtime } from '../runtime/runtime.ts';
import { type Capacity, defaultAllocationRatio } from './capacity.ts';
import { Claims } from './claims.ts';
import { GuestSpecs } from './guest-specs.ts';
import { HostActor } from './host-actor.ts';
import { HostInstances } from './host-instances.ts';
import { hostEffects } from './instance-effects.ts';

export interface ComputeOptions {
  name: string;
  availabilityZone?: string;
  hypervisor: Hypervisor;
  capacity: Capacity;
  allocationRatio?: Host['allocationRatio'];
  plugNetwork?: (port: GuestPort, signal: AbortSignal) => Promise<void>;
}

/** How long to wait between attempts to connect to the hypervisor (ms). */
const reconnectMs = 1_000;

export async function startCompute(runtime: Runtime, options: ComputeOptions): Promise<Part> {
  const { bus, store, clock, logger } = runtime;
  const { name, availabilityZone = 'nova', hypervisor, capacity, allocationRatio = defaultAllocationRatio } = options;
  const durable = consumers.compute(name);
  const [bucket, payloads, images, deadLetters] = await Promise.all([
    store.bucket('instance'),
    store.bucket('payload'),
    store.view('image'),
    openDeadLetters(runtime, durable),
  ]);
  const claims = new Claims(capacity, allocationRatio);
  const specs = new GuestSpecs(bus, images, payloads, { name, availabilityZone });
  const instances = new HostInstances(
    { name, bucket, hypervisor, claims, specs, clock, logger },
    {
      machine: provideEffects(
        hostEffects({
          hypervisor,
          claims,
          specs,
          requestPlacement: requestPlacement(bus),
          onLook: (uuid) => instances.forgetReport(uuid),
          ...(options.plugNetwork && { plugNetwork: options.plugNetwork }),
        }),
      ),
      publish: (fact) => publishTransition(bus, fact),
    },
  );

  let casts: Promise<CastConsumer> | undefined;
  let hasEnded = false;
  /** Only once it is known what is here: a cast must find its instance, and the book of claims complete. */
  async function reconcile(): Promise<void> {
    await instances.reconcile();
    // The process may have been stopped in the meantime, and nobody would stop a consumer that begins now.
    if (hasEnded) return;
    casts ??= consumeCasts(bus, {
      durable,
      deadLetters,
      maxDeliveries: runtime.maxDeliveries,
      subject: subjects.computeCasts(name),
      handlers: [
        onCast(computeCasts.runInstance, (stored, context) => instances.run(stored, context)),
        onCast(computeCasts.commandInstance, ({ uuid, command }, context) => instances.command(uuid, command, context)),
      ],
      onFailure: (failure, about) => logger.error({ failure, ...about, host: name }, 'a cast could not be applied'),
    });
    await casts;
  }

  let serving: StopServing[] = [];
  /** Nothing more is done here, nor answered. Casts in hand wait for their instances, so both end together. */
  async function endWork(): Promise<void> {
    hasEnded = true;
    const ending = [casts?.then((consumer) => consumer.stop()), instances.halt(), ...serving.map((stop) => stop())];
    await Promise.all(ending);
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
    () => void endWork(),
  );

  const stopListening = hypervisor.onEvent((event) => {
    if (event.type === 'connected') host.send({ type: 'hypervisor.connected', at: clock.now() });
    else if (event.type === 'lost') {
      const failure = fail('hypervisor_unavailable', event.reason, { disposition: 'retry' }).failure;
      host.send({ type: 'hypervisor.lost', failure, at: clock.now() });
    } else {
      instances.report(event.uuid, event.powerState);
    }
  });

  const { consoleLog, commandHost } = computeCalls;
  serving = [
    serve(bus, subjects.computeCall(name, consoleLog.name), consoleLog, async ({ uuid, maxBytes }) => ({
      output: await hypervisor.consoleLog(uuid, maxBytes),
    })),
    serve(bus, subjects.computeCall(name, commandHost.name), commandHost, async ({ command }) => ({
      revision: await host.command(command),
    })),
  ];

  return {
    async stop() {
      stopListening();
      await endWork();
      await host.stop();
      await hypervisor.close();
    },
  };
}
