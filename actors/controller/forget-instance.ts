/**
 * Tells the hosts that an instance was on, or tried on, that it is theirs no longer. A host that was down compares, when it
 * returns, all that it has with the records; what is taken from it just then, by a controller that has not heard of its
 * return yet, it learns by this. The instance is placed elsewhere only when a host that returns has heard: until then its
 * guest may be there.
 */
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
/** How long a host that returns may take to say that it has removed what it had (ms). */
const receiptMs = 5_000;

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

/** As `tellingHosts`, and after those that were lost, and return just now, have removed what they had. */
export function leavingHosts(world: TellingWorld, effect: EffectImplementation): EffectImplementation {
  const telling = tellingHosts(world.bus, effect);
  return {
    ...effect,
    async run(job) {
      const { tried } = job.owner.context;
      const lost = tried.filter(({ failure }) => failure.code === 'host_down');
      await Promise.all(lost.map(({ host }) => leave(world, job, host)));
      return telling.run(job);
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

/** Rejects, for another try, when the host lives and has not said that it has heard. */
async function leave({ bus, hosts, liveness }: TellingWorld, job: EffectJob, host: string): Promise<void> {
  await hosts.caughtUp();
  const record = hosts.get(hostKey(host));
  // What has yet to begin to compare will do so by records that show that the instance has left.
  if (!record || (record.down && (record.hypervisorState !== 'reconciling' || !liveness.isAlive(host)))) return;
  const { key, callContext } = job;
  const receipt = await castForReceipt(
    bus,
    subjects.computeCast(host, kind.name),
    kind,
    { uuid: key.uuid },
    // The receipt of one that was sent before may be lost.
    { id: `${key.uuid}-${key.attempt}-leave-${host}-${bus.clock.now()}`, context: callContext, waitMs: receiptMs },
  );
  job.signal.throwIfAborted();
  if (!receipt) throw unansweredBy(host);
}
