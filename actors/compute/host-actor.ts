/**
 * Runs the host chart of a compute process, and keeps the host's record: written at each transition and command, and as
 * heartbeat. A host that was declared down shows itself so until it has reconciled its instances.
 */
import { type Actor, createActor, fromPromise } from 'xstate';
import type { EffectKey } from '../../machines/effect.ts';
import { FailureError, fail, toFailure } from '../../machines/failure.ts';
import { type HostEvent, hostMachine } from '../../machines/host.ts';
import { every, sleep } from '../../transport/clock.ts';
import type { Host, HostCommand } from '../../transport/messages/records.ts';
import type { Inspection } from '../runtime/inspection.ts';
import type { Inspected } from '../runtime/machine-teller.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { untilAllCompared } from '../runtime/until-all-compared.ts';
import { beforeDeadline } from './before-deadline.ts';
import { type PresentedChart, presentChart, stoppedAs } from './host-chart.ts';
import { publishHostCommand, publishHostReturn, publishHostTransition } from './host-facts.ts';
import { HostLease, type LeaseHolder } from './host-lease.ts';

export interface HostEffects {
  // Each signal aborts when it is wanted no longer, or takes too long.
  connectHypervisor: (signal: AbortSignal) => Promise<unknown>;
  /**
   * Begins nothing, and starts nothing again, before `untilAllCompared` resolves (with whether that took a while): no guest is
   * here by then that must not be.
   */
  reconcileInstances: (signal: AbortSignal, untilAllCompared: () => Promise<boolean>) => Promise<unknown>;
  /** No cast is taken any more until the instances are reconciled again. */
  holdCasts: () => void;
}

type HostFacts = Omit<
  Host,
  'incarnation' | 'heartbeatAt' | 'startedAt' | 'comparedWith' | 'commandedMeanwhile' | 'down' | keyof PresentedChart
>;

export class HostActor implements Inspected {
  readonly inspectedAs: Inspected['inspectedAs'];
  readonly #runtime: Runtime;
  readonly #lease: HostLease;
  readonly #actor: Actor<typeof hostMachine>;
  readonly #startedAt: number;
  readonly #holder: LeaseHolder;
  readonly #effects: HostEffects;
  readonly #onLost: (taken: FailureError) => void;
  #writing: Promise<void> = Promise.resolve();
  #assuring: Promise<unknown> | undefined;
  #stopHeartbeat: () => void = () => {};
  #stopping: Promise<void> | undefined;
  /** Since when others hold it for dead, until it has found out which instances are still its own. */
  #down: Host['down'];
  /** That another process runs the host: this one says nothing of it any more. */
  #lost: FailureError | undefined;
  #comparedWith: Host['comparedWith'];
  #hasSeenAllCompared = false;

  /**
   * Goes on with the chart that the host's record holds, so that what an operator wanted stays so. Rejects with
   * `conflict` while another process runs the host, and with `forbidden` where this process may not be it; `onLost` is
   * called when either comes to be so.
   */
  static async start(
    runtime: Runtime,
    name: string,
    effects: HostEffects,
    describe: () => HostFacts,
    onLost: (taken: FailureError) => void,
  ): Promise<HostActor> {
    const bucket = await runtime.store.bucket('host');
    const { incarnation, clock, pulse } = runtime;
    const { lease, earlier } = await HostLease.take(bucket, name, incarnation, clock, pulse);
    const host = new HostActor(runtime, lease, name, effects, describe, onLost, earlier);
    // Who may not be this host is to learn it before it says that it is. What fails otherwise the heartbeats make good.
    await lease.renew(host.#holder).catch((error) => {
      if (isFinal(error)) throw error;
    });
    host.#begin(earlier?.hypervisorState);
    return host;
  }

  private constructor(
    runtime: Runtime,
    lease: HostLease,
    name: string,
    effects: HostEffects,
    describe: () => HostFacts,
    onLost: (taken: FailureError) => void,
    earlier: Host | undefined,
  ) {
    this.inspectedAs = `host/${name}`;
    this.#runtime = runtime;
    this.#lease = lease;
    this.#holder = {
      present: () => ({
        ...describe(),
        ...presentChart(this.#actor.getSnapshot()),
        startedAt: this.#startedAt,
        heartbeatAt: runtime.clock.now(),
        ...(this.#comparedWith !== undefined && { comparedWith: this.#comparedWith }),
        ...(this.#down && { down: this.#down }),
      }),
      obey: (command) => this.send(command),
      fence: (down) => {
        if (this.#down) return;
        runtime.logger.warn({ host: name, ...down }, 'this host was declared down; its instances are reconciled');
        this.#down = down;
        this.#effects.holdCasts();
        this.send({ type: 'host.fenced', at: runtime.clock.now() });
      },
    };
    this.#effects = effects;
    this.#onLost = onLost;
    this.#startedAt = runtime.clock.now();
    this.#down = earlier?.down;
    this.#comparedWith = earlier?.comparedWith;
    const snapshot = earlier && stoppedAs(earlier.chart);
    this.#actor = createActor(
      hostMachine.provide({
        actors: {
          connectHypervisor: this.#provide(effects.connectHypervisor),
          reconcileInstances: this.#provide((signal) => this.#reconcile(signal)),
        },
      }),
      { input: { name }, ...(snapshot && { snapshot }) },
    );
  }

  /** The record as of now. */
  get presented(): ReturnType<LeaseHolder['present']> {
    return this.#holder.present();
  }

  get chart(): Inspected['chart'] {
    return this.#actor.getSnapshot();
  }

  /** As long as it lives. */
  showTo(inspection: Inspection): void {
    inspection.wakes(this, this.#actor);
  }

  send(event: HostEvent): void {
    if (!this.#lost) this.#actor.send(event);
  }

  /** Resolves with the revision at which the record shows what the operator wants. Once more is the same as once. */
  async command(command: HostCommand): Promise<number> {
    // What a controller may have written before, while nobody answered, is the earlier wish.
    await this.#store();
    this.send(command);
    const revision = await this.#store();
    publishHostCommand(this.#runtime.bus, this.#holder.present(), command);
    return revision;
  }

  /**
   * Resolves when this process runs the host for certain, and with its instances as they are: one that was paused, or cut
   * off, may find that they are others'. Rejects when it has to be found out first.
   */
  async assure(): Promise<void> {
    if (!this.#lease.isSure) {
      this.#assuring ??= this.#store().finally(() => {
        this.#assuring = undefined;
      });
      await this.#assuring;
    }
    if (this.#down)
      throw fail('unavailable', 'the host was declared down, and is yet to return', { disposition: 'retry' });
  }

  /** Resolves when the record says that the process has stopped. More than once is once. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#stopHeartbeat();
    this.send({ type: 'host.stop', at: this.#runtime.clock.now() });
    await this.#writing;
    this.#actor.stop();
  }

  /** `told` is what was told last, by the process before: one that has ended in order has told that it is stopped. */
  #begin(told: Host['hypervisorState'] | undefined): void {
    const { bus, clock } = this.#runtime;
    let last = told;
    this.#actor.subscribe(({ value: { hypervisor }, context: { fault } }) => {
      if (hypervisor === last) return;
      last = hypervisor;
      const isBack = hypervisor === 'up' && this.#down !== undefined;
      if (isBack) this.#down = undefined;
      // Its hypervisor may have gone in the midst of its return: it would refuse casts until they are dead letters.
      else if (this.#down) this.#effects.holdCasts();
      publishHostTransition(bus, this.#holder.present(), clock.now(), fault);
      void this.#store().then(
        () => isBack && publishHostReturn(bus, this.#holder.present(), clock.now()),
        () => undefined,
      );
    });
    this.#actor.start();
    this.send({ type: 'host.start', at: clock.now() });
    this.#stopHeartbeat = every(clock, this.#runtime.pulse.beatEveryMs, () => {
      void this.#store();
      return this.#writing;
    });
  }

  /** The record says it first: whoever takes an instance from the host, and has not seen this yet, has taken it by then. */
  async #reconcile(signal: AbortSignal): Promise<void> {
    const { clock, pulse } = this.#runtime;
    const isStored = () =>
      this.#store().then(
        () => true,
        () => false,
      );
    while (!(await isStored())) await sleep(clock, pulse.beatEveryMs, signal);
    signal.throwIfAborted();
    await this.#effects.reconcileInstances(signal, () => this.#untilAllCompared(signal));
  }

  /** Once is enough: this lives no longer than the server that it is served by. */
  async #untilAllCompared(signal: AbortSignal): Promise<boolean> {
    if (this.#hasSeenAllCompared) return false;
    this.#comparedWith = this.#runtime.bus.servedBy;
    await this.#store();
    const hasWaited = await untilAllCompared(this.#runtime, signal);
    // It may have been declared down over that, and then begins again.
    if (hasWaited) await this.#store();
    signal.throwIfAborted();
    this.#hasSeenAllCompared = true;
    return hasWaited;
  }

  #provide(work: (signal: AbortSignal) => Promise<unknown>) {
    const { clock, logger } = this.#runtime;
    return fromPromise<{ at: number }, EffectKey>(async ({ input, signal }) => {
      try {
        await beforeDeadline(clock, input.deadline, signal, work);
        return { at: clock.now() };
      } catch (thrown) {
        const failure = toFailure(thrown);
        logger.warn({ host: input.uuid, failure }, 'the hypervisor cannot be used');
        throw { ...failure, at: clock.now() };
      }
    });
  }

  /** One write after the other; one that fails is made good by the next heartbeat. Resolves with the revision. */
  #store(): Promise<number> {
    const storing = this.#writing.then(() => {
      if (this.#lost) throw this.#lost;
      return this.#lease.renew(this.#holder);
    });
    this.#writing = storing.then(
      () => undefined,
      (error) => {
        if (error === this.#lost) return;
        const isLost = isFinal(error);
        this.#runtime.logger[isLost ? 'error' : 'warn']({ error }, 'the host’s record could not be stored');
        if (isLost) this.#lose(error);
      },
    );
    return storing;
  }

  /** Its chart stops where it stands, with what is under way: nothing is tried again for a host that is another's. */
  #lose(taken: FailureError): void {
    this.#lost = taken;
    this.#stopHeartbeat();
    this.#actor.stop();
    this.#onLost(taken);
  }
}

/** Whether the record is another process's, or not for this one to write: it stays so. */
function isFinal(error: unknown): error is FailureError {
  return error instanceof FailureError && ['conflict', 'forbidden'].includes(error.failure.code);
}
