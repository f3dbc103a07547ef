/** Launches one instance as a client would, shows what happens to it, and waits until it answers a ping. */
import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { fail } from '../../machines/failure.ts';
import type { CreateInstance, InstanceView } from '../messages/api/instance.ts';
import { api } from '../messages/api.ts';
import type { ApiClient, InstanceFact } from '../nats/api-client.ts';
import { Progress } from './progress.ts';

export interface LaunchWishes {
  request: CreateInstance;
  projectId: string;
  output: NodeJS.WritableStream;
  /** Ends the waiting, with its reason; the instance goes its way. */
  signal: AbortSignal;
}

/** Generous: emulated guests on a busy machine are slow. */
const launchDeadlineMs = 300_000;
const pingDeadlineMs = 180_000;

/** Resolves when the instance runs; rejects with its fault when it does not come to that. */
export async function launch(client: ApiClient, wishes: LaunchWishes): Promise<InstanceView> {
  const followed = followTo(client, wishes, ({ vmState, to }) => vmState === 'active' || to.startsWith('failed'));
  followed.progress.begin('scheduling', Date.now());
  try {
    const { instances } = await client.ask(api.instance.create, wishes.request);
    const uuid = instances[0]?.uuid ?? '';
    await followed.until(uuid);
    return await settled(client, uuid);
  } finally {
    followed.end();
  }
}

/** Resolves when nothing of the instance is left. */
export async function remove(client: ApiClient, uuid: string, wishes: LaunchWishes): Promise<void> {
  const followed = followTo(client, wishes, ({ to }) => to === 'deleted' || to.startsWith('failed'));
  try {
    await client.ask(api.instance.delete, { uuid });
    // Not asked of the API server, whose view may lag behind the fact.
    const { to, failure } = await followed.until(uuid);
    if (to === 'deleted') return;
    throw fail(failure?.code ?? 'internal', `instance ${uuid} could not be deleted: ${failure?.message ?? to}`);
  } finally {
    followed.end();
  }
}

/** Resolves with how long it took (ms) until the address answered. */
export async function ping(address: string, signal: AbortSignal): Promise<number> {
  const startedAt = Date.now();
  while (Date.now() - startedAt < pingDeadlineMs) {
    if (await answers(address)) return Date.now() - startedAt;
    await pause(200);
    signal.throwIfAborted();
  }
  throw fail('timeout', `${address} did not answer a ping within ${pingDeadlineMs / 1000} s`);
}

function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    execFile('ping', ['-c', '1', '-W', '1', address], (error) => resolve(!error));
  });
}

function followTo(
  client: ApiClient,
  { projectId, output, signal }: LaunchWishes,
  isEnd: (fact: InstanceFact) => boolean,
) {
  const progress = new Progress(output);
  const early: InstanceFact[] = [];
  let take = (fact: InstanceFact) => {
    early.push(fact);
  };
  const stop = client.follow(projectId, (fact) => take(fact));
  return {
    progress,
    /** Shows what happens to the instance from the beginning, also what came before its uuid was known. */
    until: (uuid: string) =>
      new Promise<InstanceFact>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(fail('timeout', `instance ${uuid} did not get there within ${launchDeadlineMs / 1000} s`)),
          launchDeadlineMs,
        );
        onAbort(signal, (reason) => {
          clearTimeout(timer);
          reject(reason);
        });
        take = (fact) => {
          if (fact.uuid !== uuid) return;
          progress.show(fact);
          if (fact.type !== 'transition' || !isEnd(fact)) return;
          clearTimeout(timer);
          resolve(fact);
        };
        for (const fact of early) take(fact);
      }),
    end() {
      stop();
      progress.end();
    },
  };
}

/** Calls back at once when it is too late to listen. */
export function onAbort(signal: AbortSignal, callback: (reason: unknown) => void): void {
  if (signal.aborted) callback(signal.reason);
  else signal.addEventListener('abort', () => callback(signal.reason), { once: true });
}

/** The fact is told as it happens; the record follows within a moment. */
async function settled(client: ApiClient, uuid: string): Promise<InstanceView> {
  for (;;) {
    const { instance } = await client.ask(api.instance.get, { uuid });
    if (instance.vmState === 'error') throw faultOf(instance);
    if (instance.vmState === 'active') return instance;
    await pause(5);
  }
}

function faultOf({ uuid, fault }: InstanceView) {
  return fail(fault?.code ?? 'internal', `instance ${uuid} failed while ${fault?.step}: ${fault?.message}`);
}
