/** Tells what happened to a host: to its link to the hypervisor, what an operator asked, which guests were found, that it is down. */
import type { Failure } from '../../machines/failure.ts';
import { facts } from '../../transport/messages/internal.ts';
import type { Host, HostCommand } from '../../transport/messages/records.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { publishFact } from '../../transport/nats/fact.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import type { FoundGuest } from './guest-comparison.ts';

type Told = Pick<Host, 'name' | 'hypervisorState' | 'service'>;

export function publishHostTransition(bus: Bus, host: Told, at: number, fault: Failure | undefined): void {
  publish(bus, host, { type: 'transition', at, ...(fault && { reason: fault.message }) });
}

export function publishHostCommand(bus: Bus, host: Told, command: HostCommand): void {
  publish(bus, host, {
    type: 'command',
    at: command.at,
    command: command.type.replace('host.', ''),
    ...('reason' in command && { reason: command.reason }),
  });
}

/** An operator had it forgotten: it is as it was last. */
export function publishHostRemoval(bus: Bus, host: Told, at: number): void {
  publish(bus, host, { type: 'command', at, command: 'delete' });
}

export function publishFoundGuest(bus: Bus, host: Told, at: number, { type, uuid, reason }: FoundGuest): void {
  publish(bus, host, { type, at, uuid, reason });
}

/** A controller has declared it down. */
export function publishHostLoss(bus: Bus, host: Told, at: number, reason: string): void {
  publish(bus, host, { type: 'down', at, reason });
}

/** It has reconciled its instances, and takes casts again. */
export function publishHostReturn(bus: Bus, host: Told, at: number): void {
  publish(bus, host, { type: 'up', at });
}

function publish(
  bus: Bus,
  { name, hypervisorState, service }: Told,
  more: { type: string; at: number; command?: string; uuid?: string; reason?: string },
): void {
  publishFact(bus, subjects.hostFact(name), facts.host, { host: name, to: `${hypervisorState} ${service}`, ...more });
}
