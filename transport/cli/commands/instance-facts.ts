/** `kilonova instance events` and `watch`: what happened, and what happens. */
import { setTimeout as pause } from 'node:timers/promises';
import { api } from '../../messages/api.ts';
import type { InstanceFact } from '../../nats/api-client.ts';
import { currentProject } from '../client/current-project.ts';
import type { Invocation } from '../client/invocation.ts';
import type { Verb } from '../client/noun.ts';
import { bodyOf } from '../client/request-body.ts';
import { showFact, showHistory } from './facts.ts';

export const eventsVerb: Verb = {
  word: 'events',
  endpoint: api.fact.list,
  description: 'What happened to an instance, or to all of the project, oldest first, as far back as it is kept.',
  arguments: ['uuid'],
  run: (invocation) => showHistory(invocation, api.fact.list, inWordsFor(invocation)),
  example: 'web --since 2h',
};

export const watchVerb: Verb = {
  word: 'watch',
  endpoint: api.fact.list,
  description: 'Shows what happens to an instance, or to all of the project, as it happens, until Ctrl-C.',
  arguments: ['uuid'],
  without: ['limit'],
  run: watch,
  example: 'web --since 15m',
};

async function watch(invocation: Invocation): Promise<void> {
  const { client, signal } = invocation;
  const { uuid, since } = await bodyOf(invocation);
  const own = await currentProject(client);
  const projectId = typeof uuid === 'string' ? (await client.ask(api.instance.get, { uuid })).instance.projectId : own;
  const tell = (fact: InstanceFact) => {
    if (uuid === undefined || fact.uuid === uuid) showFact(invocation, fact, inWordsFor(invocation));
  };
  // Only what happened to the own project can be listed.
  const stop =
    typeof since === 'string' && projectId === own
      ? await client.followFrom(projectId, since, tell)
      : client.follow(projectId, tell);
  try {
    for (;;) {
      await pause(2 ** 30, undefined, { signal }).catch(() => undefined);
      signal.throwIfAborted();
    }
  } finally {
    stop();
  }
}

/** Of one instance its name says enough. */
function inWordsFor({ given: [instance] }: Invocation): (fact: InstanceFact) => string {
  return (fact) => inWords(fact, instance === undefined);
}

function inWords(
  { name, uuid, type, from, to, command, host, attempt, failure, reason }: InstanceFact,
  isOneOfMany: boolean,
): string {
  const who = isOneOfMany ? `${uuid}  ${name}` : name;
  const what =
    type === 'transition' ? `${from ? `${from} → ` : ''}${to}` : type === 'command' ? `asked to ${command}` : type;
  const where = host ? ` on ${host}` : '';
  const again = attempt > 1 ? `, attempt ${attempt}` : '';
  const because = reason ? `  (${reason})` : '';
  const why = failure ? `  ✗ ${failure.code}: ${failure.message}` : '';
  return `${who}  ${what}${where}${again}${because}${why}`;
}
