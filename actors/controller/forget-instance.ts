/**
 * Tells the hosts that an instance was on, or tried on, that it is theirs no longer. A host that was down compares, when it
 * returns, all that it has with the records; what is taken from it just then, by a controller that has not heard of its
 * return yet, it learns by this.
 */
import { fail } from '../../machines/failure.ts';
import { every } from '../../transport/clock.ts';
import { computeCasts } from '../../transport/messages/internal.ts';
import type { Host } from '../../transport/messages/records.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { cast, castForReceipt } from '../../transport/nats/cast.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import type { View } from '../../transport/nats/view.ts';
import type { EffectImplementation, EffectJob } from '../instance/effect-runner.ts';
import { hostKey } from '../records/keys.ts';
import type { Liveness } from '../runtime/liveness.ts';
import { unansweredBy } from './host-loss.ts';

/** Whose hosts are told. */
export interface TellingWorld {
  readonly bus: Bus;
  readonly hosts: View<Host>;
  readonly liveness: Liveness;
}

const kind = computeCasts.forgetInstance;
/** How long a host that lives may take to say that it has removed what it had, before it is told once more (ms). */
const receiptMs = 30_000;
/** How often is looked whether it still lives (ms). */
const lookEveryMs = 1_000;

/** The effect, done after the hosts were told. */
export function tellingHosts(bus: Bus, effect: EffectImplementation): EffectImplementation {
  return {
    ...effect,
    async run(job) {
      await tell(bus, job, leftHosts(job));
      return effect.run(job);
    },
  };
}

/**
 * The effect of `leaving`: done when those of the hosts that live, such as one that returns just now, have removed what they
 * had. Until then the guest may be there, and on its disk.
 */
export function leaveLostHosts(world: TellingWorld): EffectImplementation {
  return {
    isDurable: true,
    async run(job) {
      await Promise.all(leftHosts(job).map((host) => leave(world, job, host)));
    },
  };
}

/** The effect of `returning`: all are told but the host to which the instance comes back. */
export function leaveTriedHosts(bus: Bus): EffectImplementation {
  return {
    isDurable: true,
    async run(job) {
      const { lostHost } = job.owner.context;
      const tried = leftHosts(job).filter((host) => host !== lostHost);
      await tell(bus, job, tried);
    },
  };
}

function leftHosts({ owner: { context } }: EffectJob): string[] {
  const { tried, host } = context;
  const hosts = new Set(tried.map((each) => each.host));
  if (host !== undefined) hosts.add(host);
  return [...hosts];
}

async function tell(bus: Bus, { key: { uuid, attempt }, callContext }: EffectJob, hosts: string[]): Promise<void> {
  await Promise.all(
    hosts.map((host) => {
      const id = `${uuid}-${attempt}-forget-${host}`;
      return cast(bus, subjects.computeCast(host, kind.name), kind, { uuid }, { id, context: callContext });
    }),
  );
}

/** Rejects, for another try, when the host lives and has not said that nothing is there any more. */
async function leave({ bus, hosts, liveness }: TellingWorld, job: EffectJob, host: string): Promise<void> {
  const mayBeThere = () => {
    const record = hosts.get(hostKey(host));
    return record !== undefined && (!record.down || liveness.isAlive(host));
  };
  await hosts.caughtUp();
  // It will compare by records that show that the instance has left, or hear of it afterwards.
  if (!mayBeThere()) return tell(bus, job, [host]);
  const { key, callContext } = job;
  const dying = new AbortController();
  const stopLooking = every(bus.clock, lookEveryMs, async () => {
    if (!mayBeThere()) dying.abort();
  });
  const receipt = await castForReceipt(
    bus,
    subjects.computeCast(host, kind.name),
    kind,
    { uuid: key.uuid },
    {
      // The receipt of one that was sent before may be lost.
      id: `${key.uuid}-${key.attempt}-leave-${host}-${bus.clock.now()}`,
      context: callContext,
      waitMs: receiptMs,
      signal: AbortSignal.any([job.signal, dying.signal]),
    },
  ).finally(stopLooking);
  job.signal.throwIfAborted();
  if (receipt?.failure) throw fail(receipt.failure.code, receipt.failure.message, { disposition: 'retry' });
  if (!receipt && mayBeThere()) throw unansweredBy(host);
}
