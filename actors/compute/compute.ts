/**
 * A compute host: takes the casts for it, owns the instances that were placed on it, and keeps them in step with what
 * its hypervisor does. Nova's compute worker.
 */
import { type FailureError, fail } from '../../machines/failure.ts';
import { every, sleep } from '../../transport/clock.ts';
import { computeCalls, computeCasts } from '../../transport/messages/internal.ts';
import type { Host } from '../../transport/messages/records.ts';
import { type StopServing, serve } from '../../transport/nats/call.ts';
import { type CastConsumer, type CastHandler, consumeCasts, onCast } from '../../transport/nats/cast.ts';
import { consumers, encodeToken, subjects } from '../../transport/nats/subjects.ts';
import type { GuestPort, Hypervisor, HypervisorFacts } from '../hypervisor/hypervisor.ts';
import { releaseNetwork } from '../instance/release-network.ts';
import { openDeadLetters } from '../runtime/dead-letters.ts';
import { Inspection } from '../runtime/inspection.ts';
import { outageLog } from '../runtime/outage-log.ts';
import type { Part, Runtime } from '../runtime/runtime.ts';
import { unlessUnreadable } from '../runtime/unless-unreadable.ts';
import { type Capacity, defaultAllocationRatio } from './capacity.ts';
import { Claims } from './claims.ts';
import { Consoles } from './consoles.ts';
import { GuestReports } from './guest-reports.ts';
import { GuestSpecs } from './guest-specs.ts';
import { HostActor } from './host-actor.ts';
import { publishFoundGuest } from './host-facts.ts';
import { HostInstances } from './host-instances.ts';
import { hostEffects } from './instance-effects.ts';
import { Reconciler } from './reconciler.ts';
import { defaultRecovery, type RecoverySettings } from './recovery-settings.ts';
import { storedByController } from './stored-by-controller.ts';

export interface ComputeOptions {
  name: string;
  availabilityZone?: string;
  hypervisor: Hypervisor;
  capacity: Capacity;
  allocationRatio?: Host['allocationRatio'];
  recovery?: Partial<RecoverySettings>;
  /** The storage that has the disks, by a name that all hosts that share it have; absent: it is this host's alone. */
  sharedDisks?: string;
  plugNetwork?: (port: GuestPort, signal: AbortSignal) => Promise<void>;
}

/** How long to wait between attempts to connect to the hypervisor (ms). */
const reconnectMs = 1_000;
/** How often it is tried again to give back what could not be given back, or could not be decided on (ms). */
const tryAgainMs = 60_000;

export async function startCompute(runtime: Runtime, options: ComputeOptions): Promise<Part> {
  const { bus, store, clock, logger } = runtime;
  const { name, availabilityZone = 'nova', hypervisor, capacity, allocationRatio = defaultAllocationRatio } = options;
  const { sharedDisks } = options;
  const durable = consumers.compute(name);
  const recovery = { ...defaultRecovery, ...options.recovery };
  const [bucket, images, hosts, deadLetters] = await Promise.all([
    store.bucket('instance'),
    store.view('image'),
    store.bucket('host'),
    openDeadLetters(runtime, durable),
  ]);
  const claims = new Claims(capacity, allocationRatio);
  const specs = new GuestSpecs(bus, images, { name, availabilityZone });
  const reports = new GuestReports(recovery, { hypervisor, clock, logger });
  const consoles = new Consoles({ ...runtime, name, hypervisor });
  const inspection = new Inspection(runtime, durable, () => instances.eachOwner());
  const instances: HostInstances = new HostInstances(
    { name, store: storedByController(bus, name, bucket), claims, specs, reports, clock, logger },
    {
      tracer: bus.tracer,
      effects: hostEffects({
        hypervisor,
        claims,
        specs,
        releaseNetwork: releaseNetwork(
          bus,
          (call) => subjects.hostCall('network', name, call),
          (uuid) => specs.forget(uuid),
        ),
        onLook: (uuid) => reports.forget(uuid),
        ...(options.plugNetwork && { plugNetwork: options.plugNetwork }),
      }),
      inspection,
    },
  );

  /** Of one that is forgotten, or cannot be read, nobody can tell. */
  async function sharesDisksWith(host: string): Promise<boolean> {
    const other = await unlessUnreadable(logger, host, () => hosts.get(encodeToken(host)));
    return !other || other.value.sharedDisks === sharedDisks;
  }

  const reconciler = new Reconciler(
    {
      name,
      bucket,
      hypervisor,
      instances,
      reports,
      unknownGuests: recovery.unknownGuests,
      sharesDisksWith: sharedDisks === undefined ? undefined : sharesDisksWith,
      clock,
      logger,
      publish: (guest) => void starting.then((host) => publishFoundGuest(bus, host.presented, clock.now(), guest)),
    },
    (await hosts.get(encodeToken(name)))?.value ?? {},
  );

  let casts: Promise<CastConsumer> | undefined;
  let hasEnded = false;
  const ending = new AbortController();
  /** Settles when those that were taken before the host was fenced are applied. */
  let held: Promise<unknown> = Promise.resolve();
  function holdCasts(): void {
    held = Promise.allSettled([held, endCasts()]);
    casts = undefined;
  }

  /** Those that could not be begun are none; whoever began them is told. */
  async function endCasts(): Promise<void> {
    const consumer = await casts?.catch(() => undefined);
    await consumer?.stop();
  }

  /** Takes a cast only for a host that is certainly its own still. */
  function assured({ cast, handle }: CastHandler): CastHandler {
    return {
      cast,
      async handle(body, context) {
        await (await starting).assure();
        return (await handle(body, context)) ?? {};
      },
    };
  }

  /** Whether the last attempt to use the hypervisor failed: the chart tries again at once, and says why meanwhile. */
  let isToPause = false;
  /** Only once it is known what is here: a cast must find its instance, and the book of claims complete. */
  async function reconcile(signal: AbortSignal, untilAllCompared: () => Promise<boolean>): Promise<void> {
    isToPause = true;
    await reconciler.run(AbortSignal.any([signal, ending.signal]), untilAllCompared);
    isToPause = false;
    // Stopped, or broken off, in the meantime: nobody would stop a consumer that begins now.
    if (hasEnded || signal.aborted) return;
    casts ??= consumeCasts(bus, {
      durable,
      deadLetters,
      maxDeliveries: runtime.maxDeliveries,
      subject: subjects.computeCasts(name),
      handlers: [
        onCast(computeCasts.runInstance, (stored, context) => instances.run(stored, context)),
        onCast(computeCasts.commandInstance, (command, context) => instances.command(command, context)),
        onCast(computeCasts.takeUpInstance, ({ uuid }) => instances.attend(uuid)),
        onCast(computeCasts.forgetInstance, ({ uuid }) => reconciler.forget(uuid, ending.signal)),
      ].map(assured),
      onFailure: (failure, about) => logger.error({ failure, ...about, host: name }, 'a cast could not be applied'),
      outage: outageLog(logger, `what host ${name} is told to do`),
    });
    try {
      await casts;
    } catch (error) {
      // The work queue did not answer: what failed once is not what is waited for the next time.
      casts = undefined;
      throw error;
    }
  }

  let serving: StopServing[] = [];
  /** Nothing more is done here, nor answered. Casts in hand wait for their instances, so both end together. */
  async function endWork(): Promise<void> {
    hasEnded = true;
    ending.abort(fail('cancelled', 'the host is stopping'));
    const ends = [held, endCasts(), instances.halt(), consoles.stop(), ...serving.map((stop) => stop())];
    await Promise.all(ends);
  }

  const broken = Promise.withResolvers<FailureError>();
  let hypervisorFacts: HypervisorFacts | undefined;
  const starting = HostActor.start(
    runtime,
    name,
    {
      async connectHypervisor(signal) {
        if (isToPause) await sleep(clock, reconnectMs, signal);
        isToPause = true;
        hypervisorFacts = await hypervisor.connect();
        isToPause = false;
      },
      reconcileInstances: reconcile,
      holdCasts,
    },
    () => ({
      name,
      availabilityZone,
      capacity,
      allocationRatio,
      ...(sharedDisks !== undefined && { sharedDisks }),
      ...reconciler.compared,
      hypervisor: hypervisorFacts ?? { type: 'unknown', version: 0, virtType: 'qemu', architectures: [] },
    }),
    (taken) => {
      broken.resolve(taken);
      endWork().catch((error) => logger.error({ host: name, error }, 'its work could not be ended in order'));
    },
  );
  const host = await starting;
  host.showTo(inspection);

  const stopListening = hypervisor.onEvent((event) => {
    if (event.type === 'connected') host.send({ type: 'hypervisor.connected', at: clock.now() });
    else if (event.type === 'lost') {
      const failure = fail('hypervisor_unavailable', event.reason, { disposition: 'retry' }).failure;
      host.send({ type: 'hypervisor.lost', failure, at: clock.now() });
    } else {
      instances.report(event);
    }
  });

  const stopTrying = every(clock, tryAgainMs, async () => {
    instances.releaseAgain();
    await reconciler
      .lookAgain(ending.signal)
      .catch((error) => logger.warn({ host: name, error }, 'what may not be needed here is still there'));
  });

  const { consoleLog, openConsole, attachConsole, commandHost } = computeCalls;
  serving = [
    serve(bus, subjects.computeCall(name, consoleLog.name), consoleLog, async ({ uuid, maxBytes }) => ({
      output: await hypervisor.consoleLog(uuid, maxBytes),
    })),
    serve(bus, subjects.computeCall(name, openConsole.name), openConsole, (wanted, { caller }) =>
      consoles.offer(wanted, caller?.userId),
    ),
    serve(bus, subjects.computeCall(name, attachConsole.name), attachConsole, (shown) => consoles.attach(shown)),
    serve(bus, subjects.computeCall(name, commandHost.name), commandHost, async ({ command }) => ({
      revision: await host.command(command),
    })),
  ];

  return {
    broken: broken.promise,
    async stop() {
      // In the reverse order, each of them whatever became of the one before.
      await using ends = new AsyncDisposableStack();
      ends.defer(() => hypervisor.close());
      ends.defer(() => inspection.stop());
      ends.defer(() => inspection.leaves(host));
      ends.defer(() => host.stop());
      ends.defer(endWork);
      stopListening();
      stopTrying();
    },
  };
}
