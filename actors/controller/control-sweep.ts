/**
 * Looks after the instances that nobody acts for: the control plane's whose controller has died over them, those for which
 * no scheduler has answered in time, those that were placed and that their host was not told of, and those taken from a
 * host that is down of which something could not be given back.
 *
 * How long one waits is how often it was seen waiting, not what a clock says: a clock that is stepped, or another
 * machine's, gives up no launch. Any number of controllers may do it: the record's revision decides who was first.
 */
import type { Failure } from '../../machines/failure.ts';
import { instanceTimeouts } from '../../machines/instance.ts';
import { isJustPlaced, isPlacing, isTriedAgain } from '../../machines/instance-states.ts';
import { every } from '../../transport/clock.ts';
import { computeCasts } from '../../transport/messages/internal.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { cast } from '../../transport/nats/cast.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import type { ViewEntry } from '../../transport/nats/view.ts';
import { castId } from '../instance/cast-id.ts';
import { InstanceOwner } from '../instance/owner.ts';
import { attemptOf, stateOf } from '../instance/stored-chart.ts';
import { ownInstances } from './owning.ts';
import type { ControllerWorld } from './writes.ts';

const sweepEveryMs = 5_000;
/** How old what is under way must be before it is begun again. To begin it twice does no harm. */
const staleAfterMs = 5_000;
/** After how many sweeps a host is told again of what was placed on it. */
const tellAgainAfter = 3;
/** After how many sweeps a host that is told again and again, and does not begin, has lost the launch. */
const leaveHostAfter = 60;
/** After how many sweeps is tried again what could not be given back. */
const releaseAgainAfter = 12;
/** After how many sweeps a launch has waited for a host as long as it may. */
const giveUpAfter = instanceTimeouts.placementTimeout / sweepEveryMs;

/** For what an instance waits, and how often it was seen so. */
interface Waiting {
  what: string;
  sweeps: number;
}

/** What is done for an instance in a state, when it was seen there that often. */
type Help = (entry: ViewEntry<Instance>, sweeps: number, state: string) => Promise<void>;

/** Sweeps at once, and from then on; returns the function that ends it. */
export async function startControlSweep(world: ControllerWorld): Promise<() => void> {
  const { bus, store, clock, logger } = world;
  const [instances, owning] = await Promise.all([store.view('instance'), ownInstances(world)]);
  const letGo = ({ uuid }: InstanceOwner) => inHand.delete(uuid);
  const owners = { ...owning, onSettle: letGo, onRelease: letGo };
  /** Those for which this process acts. */
  const inHand = new Set<string>();
  let waiting = new Map<string, Waiting>();

  async function sweep(): Promise<void> {
    const before = waiting;
    waiting = new Map();
    for (const entry of instances.entries()) {
      const { key, value } = entry;
      const state = stateOf(value);
      const help = helpFor(value, state);
      if (!help) continue;
      const known = before.get(key);
      const what = `${state} ${attemptOf(value)}`;
      const sweeps = known?.what === what ? known.sweeps + 1 : 0;
      waiting.set(key, { what, sweeps });
      try {
        await help(entry, sweeps, state);
      } catch (error) {
        // Placed, deleted or swept by another controller in the meantime.
        logger.debug({ uuid: value.uuid, error }, 'an instance was taken over');
      }
    }
  }

  function helpFor({ owner, chart }: Instance, state: string): Help | undefined {
    if (owner !== 'control') return isJustPlaced(state) ? tellHost : undefined;
    if (chart.children) return goOn;
    return isTriedAgain(state) ? releaseAgain : undefined;
  }

  async function goOn({ value, revision }: ViewEntry<Instance>, sweeps: number, state: string): Promise<void> {
    const { uuid, updatedAt } = value;
    const now = clock.now();
    if (isPlacing(state) && sweeps >= giveUpAfter) {
      await new InstanceOwner(owners, value, revision).send({ type: 'placement.failed', at: now, failure: tooLate });
    } else if (!inHand.has(uuid) && (sweeps > 0 || now - updatedAt >= staleAfterMs)) {
      inHand.add(uuid);
      new InstanceOwner(owners, value, revision).start();
    }
  }

  async function releaseAgain({ key, value, revision }: ViewEntry<Instance>, sweeps: number): Promise<void> {
    if (sweeps < releaseAgainAfter) return;
    // Should it fail as before, the next try is as far away.
    waiting.delete(key);
    await new InstanceOwner(owners, value, revision).send({ type: 'release.retry', at: clock.now() }, newContext());
  }

  /** The host makes nothing of what it knows already; one that takes no notice for long is left for another. */
  async function tellHost({ value, revision }: ViewEntry<Instance>, sweeps: number): Promise<void> {
    const { owner } = value;
    if (owner === 'control' || sweeps < tellAgainAfter) return;
    if (sweeps >= leaveHostAfter) {
      const failure = noNotice(owner.host);
      await new InstanceOwner(owners, value, revision).send({ type: 'host.lost', at: clock.now(), failure });
      return;
    }
    const kind = computeCasts.runInstance;
    const id = castId(value, { attempt: attemptOf(value), what: 'run', now: clock.now() });
    const body = { record: value, revision };
    await cast(bus, subjects.computeCast(owner.host, kind.name), kind, body, { id, context: newContext() });
  }

  void sweep();
  return every(clock, sweepEveryMs, sweep);
}

function noNotice(host: string): Failure {
  return { code: 'timeout', message: `host ${host} has not begun with it in time`, disposition: 'reschedule' };
}

const tooLate = {
  code: 'timeout',
  message: 'no scheduler has chosen a host in time',
  disposition: 'abort',
} as const;
