/** `--wait`: until an instance has got where a command sends it, with each of its states as it comes. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Failure, FailureError, fail } from '../../../machines/failure.ts';
import type { InstanceView } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import type { ApiClient, InstanceFact } from '../../nats/api-client.ts';
import { Progress } from '../progress.ts';
import { warn } from '../tell.ts';

/** Facts say when to look again: soon, because the record may follow a moment later; one that was missed is made up for. */
const soonMs = 10;
const lookAgainMs = 1_000;
/** How long what is told may lag behind the record. */
const lagMs = 2_000;

/** The states of the instance chart in which nothing is under way. */
const settled = ['running', 'stopped', 'paused', 'suspended', 'resized', 'deleted', 'failed'];

export interface Settling {
  /** Resolves with the instance when it has got there; rejects with its fault, or with `timeout`. */
  until(
    accepted: InstanceView,
    reaches: readonly InstanceView['vmState'][],
    shown: { label: string | undefined; isNew?: boolean },
  ): Promise<InstanceView>;
  end(): void;
}

/** To be called before the command is given, so that no fact is missed. */
export function followSettling(
  client: ApiClient,
  projectId: string,
  { signal, timeoutMs, isQuiet }: { signal: AbortSignal; timeoutMs: number; isQuiet: boolean },
): Settling {
  const facts: InstanceFact[] = [];
  const listeners = new Set<(fact: InstanceFact) => void>();
  const stop = client.follow(projectId, (fact) => {
    facts.push(fact);
    for (const listener of listeners) listener(fact);
  });

  return {
    async until(accepted, reaches, { label, isNew = false }) {
      const { uuid } = accepted;
      const deadline = AbortSignal.timeout(timeoutMs);
      const progress = isQuiet ? undefined : new Progress(process.stderr, { label, blamed: accepted.fault?.message });
      // Nobody tells of the state that it is made in.
      if (isNew) progress?.begin(accepted.state, Date.parse(accepted.updatedAt));
      let told = isSettled(accepted) ? accepted.state : undefined;
      let look = new AbortController();
      let waitMs = soonMs;
      const take = (fact: InstanceFact) => {
        if (fact.uuid !== uuid) return;
        progress?.show(fact);
        if (fact.type === 'transition') told = fact.to;
        waitMs = soonMs;
        look.abort();
      };
      for (const fact of facts) take(fact);
      listeners.add(take);
      let instance = accepted;
      const tellOfLeaving = () => warn(`${instance.name} (${uuid}) was ${instance.state}, and goes its way`);
      signal.addEventListener('abort', tellOfLeaving);
      try {
        while (!isSettled(instance)) {
          const until = AbortSignal.any([look.signal, deadline, signal]);
          await pause(waitMs, undefined, { signal: until }).catch(() => undefined);
          signal.throwIfAborted();
          if (deadline.aborted) {
            throw fail('timeout', `${instance.name} (${uuid}) is still ${instance.state} after ${timeoutMs / 1000} s`);
          }
          look = new AbortController();
          waitMs = Math.min(2 * waitMs, lookAgainMs);
          instance = await current(client, instance);
        }
        const late = AbortSignal.timeout(lagMs);
        while (progress && told !== instance.state && !late.aborted) {
          await pause(lagMs, undefined, { signal: AbortSignal.any([look.signal, late, signal]) }).catch(
            () => undefined,
          );
          signal.throwIfAborted();
          look = new AbortController();
        }
        return arrived(instance, reaches);
      } finally {
        listeners.delete(take);
        progress?.end();
        signal.removeEventListener('abort', tellOfLeaving);
      }
    },
    end: stop,
  };
}

/** Another API server may be a moment behind the one that accepted the command: what is older is not looked at. */
async function current(client: ApiClient, known: InstanceView): Promise<InstanceView> {
  const { instance } = await client.ask(api.instance.get, { uuid: known.uuid });
  return instance.updatedAt < known.updatedAt ? known : instance;
}

function isSettled({ state }: InstanceView): boolean {
  return settled.includes(state.split('.')[0] ?? '');
}

/** An instance that went back to where it was has a fault that says why. */
function arrived(instance: InstanceView, reaches: readonly InstanceView['vmState'][]): InstanceView {
  const { name, uuid, state, vmState, fault } = instance;
  if (reaches.includes(vmState) && (!fault || vmState === 'deleted')) return instance;
  if (!fault) throw fail('conflict', `${name} (${uuid}) is ${state}, and nothing is under way`);
  const { step, at: _, ...failure } = fault;
  throw new FailureError({
    ...(failure as Failure),
    message: `${name} (${uuid}) failed while ${step}: ${fault.message}`,
  });
}
