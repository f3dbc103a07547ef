/**
 * Looks after the instances that nobody acts for: the control plane's whose controller has died over them, those for which
 * no scheduler has answered in time, those whose host lives and does not go on with them, because it was not told, or the
 * process that was told runs it no longer, and those taken from a host that is down of which something could not be given
 * back.
 *
 * What a host that lives has begun stays the host's: it may be at work on it, and has what was made of it. Any number of
 * controllers may do it: the record's revision decides who was first.
 */
import type { Failure } from '../../machines/failure.ts';
import { type InstanceEvent, instanceTimeouts } from '../../machines/instance.ts';
import { isJustPlaced, isPlacing, isTriedAgain } from '../../machines/instance-states.ts';
import { computeCasts } from '../../transport/messages/internal.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Entry } from '../../transport/nats/bucket.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { cast } from '../../transport/nats/cast.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { castId } from '../instance/cast-id.ts';
import { InstanceOwner } from '../instance/owner.ts';
import { attemptOf, deadlineOf, isKnown, stateOf } from '../instance/stored-chart.ts';
import { sweep } from '../runtime/sweep.ts';
import { ownInstances } from './owning.ts';
import type { TakenUp } from './taken-up.ts';
import { isTimeToTell, type Waiting, WaitingList } from './waiting.ts';
import type { ControllerWorld } from './writes.ts';

const sweepEveryMs = 5_000;
/** How old what is under way must be before it is begun again. To begin it twice does no harm. */
const staleAfterMs = 5_000;
/** After how many sweeps a host is told of what was placed on it, or of what should have ended. */
const tellHostAfter = 3;
/** After how many sweeps a host that has not begun, or is no more, has lost the instance. */
const leaveHostAfter = 60;
/** The longest time that anything that an instance waits for may take (ms). */
const longestMs = Math.max(...Object.values(instanceTimeouts));
/** After how many sweeps is tried again what could not be given back: a host does so as often. */
const releaseAgainAfter = 12;
/** After how many sweeps a launch has waited for a host as long as it may. */
const giveUpAfter = instanceTimeouts.placementTimeout / sweepEveryMs;

/** What is done for an instance in a state. */
type Help = (entry: Entry<Instance>, waiting: Waiting, state: string) => Promise<void>;

/** Returns the function that ends it. */
export async function startControlSweep(world: ControllerWorld, takenUp: TakenUp): Promise<() => void> {
  const { bus, store, clock, logger } = world;
  const [instances, liveness, owners] = await Promise.all([
    store.view('instance'),
    store.liveness(),
    ownInstances(world),
  ]);
  const waitingList = new WaitingList();

  async function look(): Promise<void> {
    waitingList.beginSweep();
    for (const entry of instances.entries()) {
      const { key, value, revision } = entry;
      // One that cannot be helped is in nobody's way.
      try {
        const state = stateOf(value);
        const help = helpFor(value, state);
        if (!help) continue;
        // Whoever has tried again, and come back to where it was, has gone on.
        const what = `${state} ${attemptOf(value)} ${deadlineOf(value) ?? revision}`;
        await help(entry, waitingList.see(key, what), state);
      } catch (error) {
        // Placed, deleted or swept by another controller in the meantime.
        logger.debug({ uuid: value.uuid, error }, 'an instance was taken over');
      }
    }
  }

  function helpFor(instance: Instance, state: string): Help | undefined {
    const { owner, chart } = instance;
    // Nobody here can tell what it waits for.
    if (!isKnown(instance)) return undefined;
    if (owner !== 'control') return chart.children || isTriedAgain(state) ? tellHost : undefined;
    if (chart.children) return goOn;
    return isTriedAgain(state) ? releaseAgain : undefined;
  }

  async function goOn(entry: Entry<Instance>, { sweeps }: Waiting, state: string): Promise<void> {
    const { value, revision } = entry;
    const now = clock.now();
    if (isPlacing(state) && sweeps >= giveUpAfter) {
      await new InstanceOwner(owners, value, revision).send({ type: 'placement.failed', at: now, failure: tooLate });
    } else if (sweeps > 0 || now - value.updatedAt >= staleAfterMs) {
      takenUp.takeUp(entry);
    }
  }

  async function releaseAgain({ key, value, revision }: Entry<Instance>, { sweeps }: Waiting): Promise<void> {
    if (sweeps < releaseAgainAfter) return;
    // Should it fail as before, the next try is as far away.
    waitingList.forget(key);
    await new InstanceOwner(owners, value, revision).send({ type: 'release.retry', at: clock.now() }, newContext());
  }

  /**
   * The host makes nothing of what it has already. It is left for another, if it can be, when it is no more; and when it
   * lives and takes no notice, as long as it has not begun.
   */
  async function tellHost({ value, revision }: Entry<Instance>, waiting: Waiting, state: string): Promise<void> {
    const { uuid, owner } = value;
    if (owner === 'control') return;
    if (waiting.sweeps >= leaveHostAfter && (isJustPlaced(state) || liveness.statusOf(owner.host) === 'down')) {
      const instance = new InstanceOwner(owners, value, revision);
      const lost: InstanceEvent = { type: 'host.lost', at: clock.now(), failure: noNotice(owner.host) };
      if (instance.accepts(lost)) return void (await instance.send(lost));
    }
    if (!isTimeToTell(waiting, tellHostAfter + allowedSweeps(value, state)) || !liveness.isAlive(owner.host)) return;
    const kind = computeCasts.takeUpInstance;
    const id = castId(value, { attempt: attemptOf(value), what: 'take-up', now: clock.now() });
    await cast(bus, subjects.computeCast(owner.host, kind.name), kind, { uuid }, { id, context: newContext() });
    waiting.told += 1;
  }

  return sweep(world, 'instances', sweepEveryMs, look);
}

/** For how many sweeps the host need not be seen to go on. */
function allowedSweeps(record: Instance, state: string): number {
  // What was placed there is begun at once, and what is begun has its deadline.
  if (isJustPlaced(state)) return 0;
  return isTriedAgain(state) ? releaseAgainAfter : Math.ceil(allowedMs(record) / sweepEveryMs);
}

/** How long the host may take over what it does, as it was when that was stored: one clock wrote both times. */
function allowedMs(record: Instance): number {
  const allowed = (deadlineOf(record) ?? 0) - record.updatedAt;
  return Math.min(Math.max(0, allowed), longestMs);
}

function noNotice(host: string): Failure {
  return { code: 'timeout', message: `host ${host} has not gone on with it in time`, disposition: 'reschedule' };
}

const tooLate = {
  code: 'timeout',
  message: 'no scheduler has chosen a host in time',
  disposition: 'abort',
} as const;
