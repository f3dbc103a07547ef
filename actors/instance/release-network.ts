/** The effect that gives an instance's ports back: its host's, or the control plane's when the host is down. */
import { networkCalls } from '../../transport/messages/internal.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { call } from '../../transport/nats/call.ts';
import type { EffectImplementation } from './effect-runner.ts';

const kind = networkCalls.releaseForInstance;

/** `subjectOf`: where who releases asks. `forget` lets go of what the process itself keeps of the ports. */
export function releaseNetwork(
  bus: Bus,
  subjectOf: (name: string) => string,
  forget: (uuid: string) => void = () => {},
): EffectImplementation {
  return {
    isDurable: true,
    async run({ key: { uuid, attempt }, callContext }) {
      forget(uuid);
      const body = { instanceUuid: uuid, attempt };
      await call(bus, subjectOf(kind.name), kind, body, callContext);
    },
  };
}
