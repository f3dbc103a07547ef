/** The effect of `scheduling`: a cast to the scheduler, once for each attempt. */
import { schedulerCasts } from '../../transport/messages/internal.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { cast } from '../../transport/nats/cast.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { castId } from './cast-id.ts';
import type { EffectImplementation } from './effect-runner.ts';

export function requestPlacement(bus: Bus): EffectImplementation {
  return {
    isDurable: true,
    async run({ key, owner, callContext }) {
      const body = { record: owner.record, revision: owner.revision };
      await cast(bus, subjects.schedulerCast(schedulerCasts.runInstance.name), schedulerCasts.runInstance, body, {
        id: castId(owner.record, { attempt: key.attempt, what: 'place', now: bus.clock.now() }),
        context: callContext,
      });
    },
  };
}
