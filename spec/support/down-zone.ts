/** A zone whose only host is down: an instance that asks for it finds no host. */
import { hostKey } from '../../actors/records/keys.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { newHost } from './records.ts';

export async function addDownZone({ store }: Runtime, zone: string): Promise<void> {
  const host = newHost(`${zone}-down`, {
    availabilityZone: zone,
    hypervisorState: 'stopped',
    heartbeatAt: 0,
    down: { since: 0 },
  });
  const revision = await (await store.bucket('host')).put(hostKey(host.name), host);
  await (await store.view('host')).reached(revision);
}
