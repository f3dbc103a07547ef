/** How a host proves that it lives, and when others stop believing it. In one place, because all must agree. */
import type { Host } from '../../transport/messages/records.ts';

export const heartbeatEveryMs = 5_000;

/** Three heartbeats: one that is late or lost says nothing yet. */
export const hostIsDeadAfterMs = 15_000;

/** Whether the host has been heard of lately. A clock that is behind the host's makes it no deader. */
export function isAlive({ heartbeatAt }: Pick<Host, 'heartbeatAt'>, now: number): boolean {
  return now - heartbeatAt <= hostIsDeadAfterMs;
}

/** Wanted by its operator, heard of lately, and with a hypervisor that can be used. */
export function takesInstances(host: Pick<Host, 'service' | 'hypervisorState' | 'heartbeatAt'>, now: number): boolean {
  return host.service === 'enabled' && host.hypervisorState === 'up' && isAlive(host, now);
}
