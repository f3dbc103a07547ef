/**
 * Hands out what clients asked to be put on their instances (passwords, user data, files): to the host that has the
 * instance, when it makes its disks, and to nobody else.
 */
import { controllerCalls } from '../../transport/messages/internal.ts';
import { type StopServing, serve } from '../../transport/nats/call.ts';
import { any, askingHost, subjects } from '../../transport/nats/subjects.ts';
import { confirmHost } from '../records/confirm-host.ts';
import { instanceOfPayload } from '../records/keys.ts';
import type { Runtime } from '../runtime/runtime.ts';

export async function servePayloads({ bus, store }: Runtime): Promise<StopServing> {
  const [payloads, instances] = await Promise.all([store.bucket('payload'), store.bucket('instance')]);
  const { findPayload } = controllerCalls;
  return serve(
    bus,
    subjects.hostCall('controller', any, findPayload.name),
    findPayload,
    async ({ payload: key }, _, subject) => {
      await confirmHost(instances, instanceOfPayload(key), askingHost(subject));
      const payload = (await payloads.get(key))?.value;
      return payload ? { payload } : {};
    },
    { queue: 'controller' },
  );
}
