/** `kilonova instance events` and `watch`: what happened, and what happens. */
import { setTimeout as pause } from 'node:timers/promises';
import { api } from '../../messages/api.ts';
import type { InstanceFact } from '../../nats/api-client.ts';
import { currentProject } from '../client/current-project.ts';
import { formatLocalTime, printable, printableJson } from '../client/format-value.ts';
import type { Invocation } from '../client/invocation.ts';
import type { Verb } from '../client/noun.ts';
import { bodyOf } from '../client/request-body.ts';

type Entry = { sequence: number; fact: InstanceFact };

export const eventsVerb: Verb = {
  word: 'events',
  endpoint: api.fact.list,
  description: 'What happened to an instance, or to all of the project, oldest first, as far back as it is kept.',
  arguments: ['uuid'],
  run: async (invocation) => {
    const { command } = invocation;
    const limit = (command.getOptionValue('limit') as number | undefined) ?? Infinity;
    let left = limit;
    for await (const page of history(invocation, limit)) {
      for (const { fact } of page.slice(0, left)) show(fact, invocation);
      left -= page.length;
    }
  },
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
    if (uuid === undefined || fact.uuid === uuid) show(fact, invocation);
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

async function* history(invocation: Invocation, limit: number): AsyncGenerator<Entry[]> {
  const { client } = invocation;
  const body = await bodyOf(invocation);
  let marker: number | undefined;
  for (let left = limit; left > 0; ) {
    const { facts } = await client.ask(api.fact.list, { ...body, ...(marker !== undefined && { marker }) });
    if (facts.length === 0) return;
    yield facts;
    left -= facts.length;
    marker = facts.at(-1)?.sequence;
  }
}

function show(fact: InstanceFact, { output, given: [instance] }: Invocation): void {
  output.lines([output.isJson ? printableJson(fact) : inWords(fact, instance === undefined)]);
}

function inWords(
  { at, name, uuid, type, from, to, command, host, attempt, failure, reason }: InstanceFact,
  isOneOfMany: boolean,
): string {
  const who = isOneOfMany ? `${uuid}  ${printable(name)}` : printable(name);
  const what =
    type === 'transition' ? `${from ? `${from} → ` : ''}${to}` : type === 'command' ? `asked to ${command}` : type;
  const where = host ? ` on ${printable(host)}` : '';
  const again = attempt > 1 ? `, attempt ${attempt}` : '';
  const because = reason ? `  (${printable(reason)})` : '';
  const why = failure ? `  ✗ ${failure.code}: ${printable(failure.message)}` : '';
  return `${formatLocalTime(at, { millis: true })}  ${who}  ${what}${where}${again}${because}${why}`;
}
