/** Tells the world of an instance's transitions. */
import type { InstanceContext } from '../../machines/instance.ts';
import type { VisibleStates } from '../../machines/instance-states.ts';
import type { CallContext } from '../../transport/messages/call-context.ts';
import { facts, type InstanceFact } from '../../transport/messages/internal.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { publishFact } from '../../transport/nats/fact.ts';
import { subjects } from '../../transport/nats/subjects.ts';

export interface TransitionFact {
  /** `transition`, `command`, or the name of a notification. */
  type: string;
  from: string | undefined;
  to: string;
  at: number;
  /** Of which only what no transition changes is told. */
  record: Instance;
  /** What a client saw of it from then on. */
  states: VisibleStates;
  context: InstanceContext;
  /** Of a command: what was asked. */
  command?: string;
  /** Of a transition that nobody asked for: why it came to it. */
  reason?: string;
  /** Of the request that led to it. */
  callContext: CallContext;
}

/** `id`: see `ToldFact`. */
export function publishInstanceFact(bus: Bus, fact: InstanceFact, id?: string): void {
  publishFact(bus, subjects.instanceFact(fact.projectId, fact.uuid), facts.instance, fact, id);
}

export function factOf({
  type,
  from,
  to,
  at,
  record,
  states: { vmState, taskState },
  context,
  command,
  reason,
  callContext,
}: TransitionFact): InstanceFact {
  const { code, message, disposition } = context.fault ?? {};
  return {
    type,
    uuid: record.uuid,
    projectId: record.projectId,
    name: record.name,
    at,
    ...(from !== undefined && { from }),
    to,
    ...(command !== undefined && { command }),
    vmState,
    ...(taskState && { taskState }),
    attempt: context.attempt,
    ...(context.host && { host: context.host }),
    // A command is accepted whatever failed before it.
    ...(type !== 'command' && code && message && disposition && { failure: { code, message, disposition } }),
    ...(reason !== undefined && { reason }),
    requestId: callContext.requestId,
    ...(callContext.caller && { userId: callContext.caller.userId }),
  };
}
