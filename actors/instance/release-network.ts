/** The effect that gives an instance's ports back: its host's, or the control plane's when the host is down. */
import { networkCalls } from '../../transport/messages/internal.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { call } from '../../transport/nats/call.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import type { EffectImplementation } from './effect-runner.ts';

/** `forget` lets go of what the process itself keeps of the ports. */
export function releaseNetwork(bus: Bus, forget: (uuid: string) => void = () => {}): EffectImplementation {
  const kind = networkCalls.releaseForInstance;
  return {
    isDurable: true,
    async run({ key: { uuid, attempt }, owner }) {
      forget(uuid);
      const body = { instanceUuid: uuid, attempt };
      await call(bus, subjects.networkCall(kind.name), kind, body, owner.callContext);
    },
  };
}
