/** What a hypervisor holds of instances. */
import type { GuestReport, Hypervisor } from '../hypervisor/hypervisor.ts';

/** Of one instance; without a guest there are only disks. */
export interface Trace {
  uuid: string;
  guest?: GuestReport;
}

/** All of which anything is there, or those of `among` alone. */
export async function findTraces(
  hypervisor: Hypervisor,
  signal: AbortSignal,
  among?: ReadonlySet<string>,
): Promise<Trace[]> {
  const [guests, disks] = await Promise.all([hypervisor.listGuests(signal, among), hypervisor.listDisks(signal)]);
  const wanted = among ? disks.filter((uuid) => among.has(uuid)) : disks;
  const found = new Map<string, Trace>(wanted.map((uuid) => [uuid, { uuid }]));
  for (const guest of guests) found.set(guest.uuid, { uuid: guest.uuid, guest });
  return [...found.values()];
}
