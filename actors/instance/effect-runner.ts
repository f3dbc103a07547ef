/**
 * Runs the effects of one instance's chart: one after the other, from a stored state, within their deadline, again while
 * that may help. How long it takes to store that an effect is to begin is not the effect's fault: its time counts from then.
 */
import type { EffectKey, Timed, TimedFailure } from '../../machines/effect.ts';
import { type Failure, fail, toFailure } from '../../machines/failure.ts';
import type { InstanceContext, instanceMachine } from '../../machines/instance.ts';
import { type Clock, sleep } from '../../transport/clock.ts';
import type { CallContext } from '../../transport/messages/call-context.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { type Tracer, traced } from '../../transport/tracing.ts';
import type { Logger } from '../runtime/logger.ts';
import { restoredAtLeastMs } from './chart-snapshot.ts';

/** The instance that an effect is for, as its owner knows it. */
export interface EffectSubject {
  readonly uuid: string;
  /** What was asked for; its chart may be behind `context`. */
  readonly record: Instance;
  readonly revision: number;
  readonly context: InstanceContext;
  readonly callContext: CallContext;
  /** Resolves when all transitions so far are stored; rejects when this process owns the instance no longer. */
  durable(): Promise<void>;
  /** Leaves the instance to whom it is by now, as it is stored. `false`: that is this process itself. */
  letGo(): boolean;
}

/** What an effect is given. */
export interface EffectJob {
  key: EffectKey;
  owner: EffectSubject;
  /** For what it asks of others: they do it as a part of the effect. */
  callContext: CallContext;
  /** Aborts at the deadline, and when the chart has left the state. */
  readonly signal: AbortSignal;
}

export interface EffectImplementation {
  /** What it resolves with, if an object, is the effect's output. */
  run(job: EffectJob): Promise<unknown>;
  /**
   * Whether the transition that led here must be stored before the effect begins. Only for effects that leave no trace
   * outside the process, or that repeat what a stored state begins with anyway, may this be false.
   */
  isDurable: boolean;
}

export type EffectName = keyof typeof instanceMachine.implementations.actors & string;

/** What the effects do. The ones that are not given are left to whoever owns such states. */
export type Effects = Partial<Record<EffectName, EffectImplementation>>;

/** Who hears what has come of an effect, unless it was left. */
export interface EffectListener {
  done(output: object & Timed): void;
  /** A failure as plain data for the chart. */
  failed(failure: TimedFailure): void;
}

/** What the effects of a process share. */
export interface EffectWorld {
  readonly effects: Effects;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tracer?: Tracer | undefined;
}

export class EffectRunner {
  readonly #subject: EffectSubject;
  readonly #effects: Effects;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #tracer: Tracer | undefined;
  /** By the actor of the chart that stands for it. */
  readonly #underWay = new Map<object, Limit>();
  /** Settles when the last effect has, also one whose state was left: what it began may not be undone before. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(subject: EffectSubject, { effects, clock, logger, tracer }: EffectWorld) {
    this.#subject = subject;
    this.#effects = effects;
    this.#clock = clock;
    this.#logger = logger;
    this.#tracer = tracer;
  }

  begin(actor: object, name: EffectName, key: EffectKey, listener: EffectListener): void {
    const limit = new Limit();
    this.#underWay.set(actor, limit);
    const failed = (thrown: unknown) => {
      if (!this.#end(actor)) return;
      const failure: TimedFailure = { ...toFailure(thrown), at: this.#clock.now() };
      this.#logger.debug({ uuid: key.uuid, effect: name, failure }, 'an effect failed');
      listener.failed(failure);
    };
    const allowedMs = Math.max(0, key.deadline - this.#clock.now());
    const setDeadline = () => {
      if (!this.#underWay.has(actor)) return;
      const ms = Math.max(key.deadline - this.#clock.now(), Math.min(allowedMs, restoredAtLeastMs));
      limit.cancelDeadline = this.#clock.after(roundUp(ms), () => {
        const { cause } = limit;
        limit.reach(
          fail('timeout', cause ? `${cause.message}: ${name} did not end in time` : `${name} did not end in time`, {
            disposition: 'reschedule',
            ...(cause && { cause }),
          }),
        );
        // Whether it heeds its signal or not.
        failed(limit.reason);
      });
    };
    const work = this.#work(this.#last, name, key, limit, setDeadline);
    this.#last = work.catch(() => undefined);
    work.then((output) => {
      if (this.#end(actor)) listener.done({ ...output, at: this.#clock.now() });
    }, failed);
  }

  /** The chart has left the state: what is under way is asked to end, and nobody waits for what comes of it. */
  leave(actor: object): void {
    this.#end(actor)?.reach(new DOMException('the chart has left the state', 'AbortError'));
  }

  /** Resolves when no effect is at work any more. */
  async idle(): Promise<void> {
    await this.#last;
  }

  /** The limit of the effect, unless it has ended already. */
  #end(actor: object): Limit | undefined {
    const limit = this.#underWay.get(actor);
    this.#underWay.delete(actor);
    limit?.cancelDeadline();
    return limit;
  }

  async #work(
    before: Promise<unknown>,
    name: EffectName,
    key: EffectKey,
    limit: Limit,
    setDeadline: () => void,
  ): Promise<object | undefined> {
    const { run, isDurable } = this.#effects[name] ?? notOurs(name);
    const owner = this.#subject;
    // The owner hears of the transition only when what it begins has been started.
    await undefined;
    if (isDurable) await owner.durable();
    setDeadline();
    await before;
    // In the meantime the chart may have left, or time run out: then nothing may begin that nobody would undo.
    limit.throwIfReached();
    const attributes = { 'kilonova.instance.uuid': key.uuid, 'kilonova.attempt': key.attempt };
    return traced(this.#tracer, { name, kind: 'internal', attributes }, owner.callContext, (callContext) => {
      return this.#untilDone(run, new Job(key, owner, callContext, limit), limit);
    });
  }

  /** Again, with back-off, while the failure says that this may help and there is time left. */
  async #untilDone(run: EffectImplementation['run'], job: EffectJob, limit: Limit): Promise<object | undefined> {
    for (let pause = 100; ; pause = Math.min(pause * 2, 5_000)) {
      try {
        return (await run(job)) as object | undefined;
      } catch (thrown) {
        limit.throwIfReached();
        const failure = toFailure(thrown);
        if (failure.disposition !== 'retry') throw thrown;
        limit.cause = failure;
        await sleep(this.#clock, pause, limit.signal);
      }
    }
  }
}

function notOurs(name: string): EffectImplementation {
  return {
    // Whoever goes on finds it stored.
    isDurable: true,
    async run({ owner }) {
      if (!owner.letGo()) throw fail('unsupported', `${name} is not done by this part`);
    },
  };
}

class Job implements EffectJob {
  readonly key: EffectKey;
  readonly owner: EffectSubject;
  readonly callContext: CallContext;
  readonly #limit: Limit;

  constructor(key: EffectKey, owner: EffectSubject, callContext: CallContext, limit: Limit) {
    this.key = key;
    this.owner = owner;
    this.callContext = callContext;
    this.#limit = limit;
  }

  get signal(): AbortSignal {
    return this.#limit.signal;
  }
}

/** A second does not matter to a minute, and Node keeps timers of the same length together. */
function roundUp(ms: number): number {
  return ms < 10_000 ? ms : Math.ceil(ms / 1_000) * 1_000;
}

/** What ends an effect before it is done. Its signal is made for whoever wants it: most effects are sooner done. */
class Limit {
  /** Which failure was in the way last. */
  cause: Failure | undefined;
  reason: Error | undefined;
  cancelDeadline: () => void = () => {};
  #controller: AbortController | undefined;

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.reason) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  reach(reason: Error): void {
    this.reason = reason;
    this.#controller?.abort(reason);
  }

  throwIfReached(): void {
    if (this.reason) throw this.reason;
  }
}

/** The runner of each actor system, so that one machine serves all instances. */
const runners = new WeakMap<object, EffectRunner>();

export function registerRunner(system: object, runner: EffectRunner): void {
  runners.set(system, runner);
}

export function runnerOf(system: object): EffectRunner {
  const runner = runners.get(system);
  if (!runner) throw new Error('a chart runs without a runner for its effects');
  return runner;
}
