/**
 * The scheduler: takes launches from the work queue, chooses a host for each, and casts them there. Any number of them
 * share the queue. Nova's `run_instance` and `cast_to_compute_host`.
 *
 * It moves the instance's chart by one event, purely, and stores it by compare-and-set: a delete, or another scheduler,
 * that was faster wins, and the cast is then decided anew or dropped. Only the host's own claim is final; where two
 * schedulers fill one host, it refuses the second launch, which comes back with that host among the tried.
 *
 * A launch for which there would be a host, if only it were heard or had its hypervisor, waits a while for it.
 */
import { fail } from '../../machines/failure.ts';
import {
  type InstanceEvent,
  type InstanceNotification,
  instanceMachine,
  instanceTimeouts,
} from '../../machines/instance.ts';
import { isJustPlaced, isPlacing } from '../../machines/instance-states.ts';
import { sleep } from '../../transport/clock.ts';
import type { CallContext } from '../../transport/messages/call-context.ts';
import { computeCasts, schedulerCasts } from '../../transport/messages/internal.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { type Bucket, conflict } from '../../transport/nats/bucket.ts';
import { cast, consumeCasts, onCast } from '../../transport/nats/cast.ts';
import { consumers, subjects } from '../../transport/nats/subjects.ts';
import { castId } from '../instance/cast-id.ts';
import { ChartMoves } from '../instance/chart-moves.ts';
import { presentRecord, restoreSettled } from '../instance/chart-snapshot.ts';
import { factOf, publishInstanceFact } from '../instance/facts.ts';
import { attemptOf, contextOf, stateOf } from '../instance/stored-chart.ts';
import { openDeadLetters } from '../runtime/dead-letters.ts';
import { outageLog } from '../runtime/outage-log.ts';
import type { Part, Runtime } from '../runtime/runtime.ts';
import { allFilters, isFilterName } from './filters.ts';
import { GroupTurns } from './group-turns.ts';
import { HostStates, restored } from './host-states.ts';
import { chooseHost, type Policy, type PolicyName, policies } from './policies.ts';
import type { Multipliers } from './weighers.ts';

export interface SchedulerOptions {
  /** `filter` unless given. */
  policy?: PolicyName;
  /** By name, instead of the policy's own. */
  filters?: string[];
  /** How much each weigher counts, instead of the policy's own. */
  multipliers?: Multipliers;
}

interface Stored {
  record: Instance;
  revision: number;
}

/** How often is looked whether a host can be used again (ms). */
const lookAgainMs = 1_000;
/** How long a launch waits for that: less than the controllers let it, so that it is told what it waited for. */
const patienceMs = instanceTimeouts.placementTimeout - 10_000;
/** How many may wait at a time: others would never be looked at. The rest is put back into the queue. */
const mostWaiting = 128;

/** There is no host at the moment. */
const notYet = Symbol('not yet');

/** No effect runs here: the chart is moved as data. */
const moves = new ChartMoves(instanceMachine);

/** Throws TypeError for the name of a filter that there is not. */
export async function startScheduler(runtime: Runtime, options: SchedulerOptions = {}): Promise<Part> {
  const { store, bus, logger } = runtime;
  const policy = policyOf(options);
  const [bucket, states, instances, groups] = await Promise.all([
    store.bucket('instance'),
    HostStates.open(runtime),
    store.view('instance'),
    store.bucket('serverGroup'),
  ]);
  const placing = new Placing(runtime, bucket, states, new GroupTurns(groups, instances), policy);

  const durable = consumers.scheduler();
  const casts = await consumeCasts(bus, {
    durable,
    deadLetters: await openDeadLetters(runtime, durable),
    maxDeliveries: runtime.maxDeliveries,
    subject: subjects.schedulerCasts(),
    handlers: [
      onCast(schedulerCasts.runInstance, async (given, context) => {
        // Of a cast that is delivered again the view knows what has become of it.
        const known = instances.entry(given.record.uuid);
        const isOutdated = known !== undefined && known.revision > given.revision;
        const latest = isOutdated ? { record: known.value, revision: known.revision } : given;
        await placing.run(latest, attemptOf(given.record), context);
      }),
    ],
    onFailure: (failure, about) => logger.error({ failure, ...about }, 'a launch could not be scheduled'),
    outage: outageLog(logger, 'what is to be scheduled'),
  });
  return {
    async stop() {
      placing.stop();
      await casts.stop();
      states.close();
    },
  };
}

class Placing {
  readonly #runtime: Runtime;
  readonly #bucket: Bucket<Instance>;
  readonly #states: HostStates;
  readonly #groups: GroupTurns;
  readonly #policy: Policy;
  readonly #stopping = new AbortController();
  #waiting = 0;

  constructor(runtime: Runtime, bucket: Bucket<Instance>, states: HostStates, groups: GroupTurns, policy: Policy) {
    this.#runtime = runtime;
    this.#bucket = bucket;
    this.#states = states;
    this.#groups = groups;
    this.#policy = policy;
  }

  /** What waits goes back into the queue. */
  stop(): void {
    this.#stopping.abort(fail('unavailable', 'this scheduler is stopping', { disposition: 'retry' }));
  }

  /** Resolves when the instance is on its way to a host, or known to be no longer ours to place. */
  async run(stored: Stored, attempt: number, context: CallContext): Promise<void> {
    let waitedMs = 0;
    for (let latest: Stored | undefined = stored; latest; ) {
      const { record } = latest;
      const state = stateOf(record);
      if (attemptOf(record) !== attempt) return;
      // We, or another scheduler, died between storing the placement and casting it.
      if (isJustPlaced(state) && record.owner !== 'control') return this.#castToHost(latest, attempt, context);
      if (!isPlacing(state)) return;

      const placed = await this.#place(latest, context, waitedMs < patienceMs);
      if (placed === notYet) {
        await this.#wait();
        waitedMs += lookAgainMs;
      } else if (placed !== conflict) {
        if (isJustPlaced(stateOf(placed.record))) await this.#castToHost(placed, attempt, context);
        return;
      }
      const entry = await this.#bucket.get(record.uuid);
      latest = entry && { record: entry.value, revision: entry.revision };
    }
  }

  async #wait(): Promise<void> {
    if (this.#waiting >= mostWaiting) {
      throw fail('no_valid_host', 'too many launches wait for a host', { disposition: 'retry' });
    }
    this.#waiting += 1;
    try {
      await sleep(this.#runtime.clock, lookAgainMs, this.#stopping.signal);
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Chooses a host, or finds that there is none, and stores which; unless it is worth while to wait for one. */
  async #place(
    { record, revision }: Stored,
    context: CallContext,
    mayWait: boolean,
  ): Promise<Stored | typeof conflict | typeof notYet> {
    const { clock, chance } = this.#runtime;
    const { usage } = this.#states;
    const newImage = this.#states.knowsImage(record) ? undefined : await this.#states.newImage(record);
    const turn = await this.#groups.begin(record);
    // From here to `note` without a pause, so that two launches of this process cannot both see the same room.
    const now = clock.now();
    const request = this.#states.request(record, turn, newImage);
    const candidates = this.#states.candidates(record);
    const choice = chooseHost(candidates, request, this.#policy, chance.fraction());
    if (mayWait && 'failure' in choice && 'host' in chooseHost(candidates.map(restored), request, this.#policy, 0)) {
      return notYet;
    }
    const event: InstanceEvent =
      'host' in choice
        ? { type: 'instance.scheduled', host: choice.host, at: now }
        : { type: 'placement.failed', failure: choice.failure, at: now };
    const { next, emitted } = moves.move(restoreSettled(instanceMachine, record.chart), event);
    const placed = presentRecord(next, record, now);
    // Whatever revision it will get, it is a later one.
    usage.note(placed, revision + 1);

    let outcome: number | typeof conflict = conflict;
    try {
      if (!turn || !('host' in choice) || (await this.#groups.end(turn, record, choice.host)) !== conflict) {
        outcome = await this.#bucket.update(record.uuid, placed, revision);
      }
    } finally {
      if (outcome === conflict) usage.recount(record.uuid);
    }
    if (outcome === conflict) return conflict;
    usage.note(placed, outcome);
    this.#publish(stateOf(record), placed, emitted, now, context);
    return { record: placed, revision: outcome };
  }

  #publish(
    from: string,
    record: Instance,
    emitted: InstanceNotification[],
    at: number,
    callContext: CallContext,
  ): void {
    const context = contextOf(record);
    const fact = { to: stateOf(record), at, record, states: record, context, callContext };
    for (const { type } of emitted) publishInstanceFact(this.#runtime.bus, factOf({ ...fact, type, from: undefined }));
    publishInstanceFact(this.#runtime.bus, factOf({ ...fact, type: 'transition', from }));
  }

  async #castToHost({ record, revision }: Stored, attempt: number, context: CallContext): Promise<void> {
    if (record.owner === 'control') return;
    const { bus, clock } = this.#runtime;
    const kind = computeCasts.runInstance;
    const subject = subjects.computeCast(record.owner.host, kind.name);
    const id = castId(record, { attempt, what: 'run', now: clock.now() });
    await cast(bus, subject, kind, { record, revision }, { id, context });
  }
}

function policyOf({ policy = 'filter', filters, multipliers }: SchedulerOptions): Policy {
  const unknown = filters?.find((name) => !isFilterName(name));
  if (unknown !== undefined) {
    throw new TypeError(`there is no filter ${JSON.stringify(unknown)}; there are ${allFilters.join(', ')}`);
  }
  return {
    ...policies[policy],
    ...(filters && { filters: filters.filter(isFilterName) }),
    ...(multipliers && { multipliers }),
  };
}
