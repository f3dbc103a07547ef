/**
 * Runs the host chart of a compute process, and keeps the host's record: written at each transition, and as heartbeat.
 */
import { type Actor, createActor, fromPromise } from 'xstate';
import type { EffectKey } from '../../machines/effect.ts';
import { toFailure } from '../../machines/failure.ts';
import { type HostContext, type HostEvent, hostMachine, hostSnapshotVersion } from '../../machines/host.ts';
import { facts } from '../../transport/messages/internal.ts';
import type { ChartSnapshot, Host } from '../../transport/messages/records.ts';
import { publishFact } from '../../transport/nats/fact.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { every } from '../runtime/clock.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { heartbeatEveryMs } from './heartbeat.ts';
import { HostLease } from './host-lease.ts';

export interface HostEffects {
  connectHypervisor: () => Promise<unknown>;
  reconcileInstances: () => Promise<unknown>;
}

type HostFacts = Omit<
  Host,
  'incarnation' | 'service' | 'hypervisorState' | 'disabledReason' | 'heartbeatAt' | 'startedAt' | 'chart'
>;

export class HostActor {
  readonly #runtime: Runtime;
  readonly #lease: HostLease;
  readonly #actor: Actor<typeof hostMachine>;
  readonly #startedAt: number;
  readonly #describe: () => HostFacts;
  readonly #onLost: () => void;
  #writing: Promise<void> = Promise.resolve();
  #stopHeartbeat: () => void = () => {};

  /**
   * Goes on with the chart that the host's record holds, so that what an operator wanted stays so. Rejects with
   * `conflict` while another process runs the host; `onLost` is called when one takes it over.
   */
  static async start(
    runtime: Runtime,
    name: string,
    effects: HostEffects,
    describe: () => HostFacts,
    onLost: () => void,
  ): Promise<HostActor> {
    const bucket = await runtime.store.bucket('host');
    const { lease, earlier } = await HostLease.take(bucket, name, runtime.chance.uuid(), runtime.clock);
    const host = new HostActor(runtime, lease, name, effects, describe, onLost, earlier?.chart);
    host.#begin();
    return host;
  }

  private constructor(
    runtime: Runtime,
    lease: HostLease,
    name: string,
    effects: HostEffects,
    describe: () => HostFacts,
    onLost: () => void,
    earlier: ChartSnapshot | undefined,
  ) {
    this.#runtime = runtime;
    this.#lease = lease;
    this.#describe = describe;
    this.#onLost = onLost;
    this.#startedAt = runtime.clock.now();
    this.#actor = createActor(
      hostMachine.provide({
        actors: {
          connectHypervisor: this.#provide(effects.connectHypervisor),
          reconcileInstances: this.#provide(effects.reconcileInstances),
        },
      }),
      { input: { name }, ...(earlier?.version === hostSnapshotVersion && { snapshot: stoppedAs(earlier) }) },
    );
  }

  send(event: HostEvent): void {
    this.#actor.send(event);
  }

  /** Resolves when the record says that the process has stopped. */
  async stop(): Promise<void> {
    this.#stopHeartbeat();
    this.send({ type: 'host.stop', at: this.#runtime.clock.now() });
    await this.#writing;
    this.#actor.stop();
  }

  #begin(): void {
    const { clock } = this.#runtime;
    let last = '';
    this.#actor.subscribe(() => {
      const state = JSON.stringify(this.#actor.getSnapshot().value);
      if (state === last) return;
      last = state;
      this.#publish();
      this.#store();
    });
    this.#actor.start();
    this.send({ type: 'host.start', at: clock.now() });
    this.#stopHeartbeat = every(clock, heartbeatEveryMs, () => this.#store());
  }

  #provide(work: () => Promise<unknown>) {
    const { clock, logger } = this.#runtime;
    return fromPromise<{ at: number }, EffectKey>(async ({ input }) => {
      try {
        await before(work(), input.deadline - clock.now());
        return { at: clock.now() };
      } catch (thrown) {
        const failure = toFailure(thrown);
        logger.warn({ host: input.uuid, failure }, 'the hypervisor cannot be used');
        throw { ...failure, at: clock.now() };
      }
    });
  }

  #publish(): void {
    const { value, context } = this.#actor.getSnapshot();
    const { hypervisor, service } = value;
    publishFact(this.#runtime.bus, subjects.hostFact(context.name), facts.host, {
      type: 'transition',
      host: context.name,
      at: this.#runtime.clock.now(),
      to: `${hypervisor} ${service}`,
      ...(context.fault && { reason: context.fault.message }),
    });
  }

  /** One write after the other; a write that fails is made good by the next heartbeat. */
  #store(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      try {
        await this.#lease.renew(this.#present());
      } catch (error) {
        const isLost = toFailure(error).code === 'conflict';
        this.#runtime.logger[isLost ? 'error' : 'warn']({ error }, 'the host’s record could not be stored');
        if (!isLost) return;
        this.#stopHeartbeat();
        this.#onLost();
      }
    });
    return this.#writing;
  }

  #present(): Omit<Host, 'incarnation'> {
    const { value, context } = this.#actor.getSnapshot();
    return {
      ...this.#describe(),
      service: value.service,
      hypervisorState: value.hypervisor,
      ...(context.disabledReason !== undefined && { disabledReason: context.disabledReason }),
      startedAt: this.#startedAt,
      heartbeatAt: this.#runtime.clock.now(),
      chart: { version: hostSnapshotVersion, status: 'active', value, context: { ...context } },
    };
  }
}

/** What is kept of an earlier process is what the operator wanted; the link to the hypervisor begins anew. */
function stoppedAs({ value, context }: ChartSnapshot) {
  const { service } = value as { service: 'enabled' | 'disabled' | 'draining' };
  return hostMachine.resolveState({
    value: { hypervisor: 'stopped', service },
    context: context as unknown as HostContext,
  });
}

async function before(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${ms} ms`)), Math.max(0, ms));
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
