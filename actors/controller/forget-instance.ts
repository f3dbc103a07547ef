/**
 * Tells a host that was down that an instance was taken from it. When it returns it compares all that it has with the
 * records; what is taken from it just then, by a controller that has not heard of its return yet, it learns by this.
 */
import { computeCasts } from '../../transport/messages/internal.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { cast } from '../../transport/nats/cast.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import type { EffectImplementation, EffectJob } from '../instance/effect-runner.ts';

/** The effect, done after the hosts were told. */
export function tellingHosts(
  bus: Bus,
  effect: EffectImplementation,
  hostsOf: (job: EffectJob) => readonly string[],
): EffectImplementation {
  return {
    ...effect,
    async run(job) {
      await Promise.all(hostsOf(job).map((host) => tell(bus, host, job)));
      return effect.run(job);
    },
  };
}

async function tell(bus: Bus, host: string, { key: { uuid, attempt }, owner }: EffectJob): Promise<void> {
  const kind = computeCasts.forgetInstance;
  const id = `${uuid}-${attempt}-forget-${host}`;
  await cast(bus, subjects.computeCast(host, kind.name), kind, { uuid }, { id, context: owner.callContext });
}
