/**
 * Tells the hosts that an instance was on, or tried on, that it is theirs no longer. A host that was down compares, when it
 * returns, all that it has with the records; what is taken from it just then, by a controller that has not heard of its
 * return yet, it learns by this.
 */
import { computeCasts } from '../../transport/messages/internal.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { cast } from '../../transport/nats/cast.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import type { EffectImplementation, EffectJob } from '../instance/effect-runner.ts';

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
  const kind = computeCasts.forgetInstance;
  await Promise.all(
    hosts.map((host) => {
      const id = `${uuid}-${attempt}-forget-${host}`;
      return cast(bus, subjects.computeCast(host, kind.name), kind, { uuid }, { id, context: callContext });
    }),
  );
}
