/** What a client command does unless its verb says otherwise: asks for each thing, waits when told to, prints. */
import { fail, toFailure } from '../../../machines/failure.ts';
import type { InstanceView } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import { tell } from '../tell.ts';
import type { Thing } from './columns.ts';
import { currentProject } from './current-project.ts';
import type { Invocation } from './invocation.ts';
import type { AnyEndpoint } from './noun.ts';
import { allPages, listedField } from './pages.ts';
import { bodyOf, checked, fieldsFromArguments, fieldsFromFlags, inWordsOfTheCommand } from './request-body.ts';
import { followSettling, type Settling } from './settling.ts';
import { watchListing } from './watch-listing.ts';

/** How long to wait, in seconds, unless told otherwise: emulated guests on a busy machine are slow. */
export const defaultTimeout = 600;

/** Rejects with the first failure, after it has asked for all; the others are told as they come. */
export async function runVerb(invocation: Invocation): Promise<void> {
  const { verb, flags } = invocation;
  const isListing = verb.endpoint.kind === 'read' && listedField(verb.endpoint) !== undefined;
  const run = verb.run ?? (isListing ? list : askForEach);
  try {
    await run(invocation);
  } catch (thrown) {
    throw inWordsOfTheCommand(thrown, verb, flags);
  }
}

async function list(invocation: Invocation): Promise<void> {
  const { verb, client, output, command } = invocation;
  const body = await bodyOf(invocation);
  const look = () => allPages(client, verb.endpoint, body);
  if (command.getOptionValue('watch')) return watchListing(invocation, body, look);
  output.list(await look());
}

async function askForEach(invocation: Invocation): Promise<void> {
  const { verb, client, output, command, lookup, flags } = invocation;
  const given = verb.takesAllOf ? await namedOrAll(invocation, verb.takesAllOf) : invocation.given;
  const fromFlags = await fieldsFromFlags(command, flags, lookup);
  const requests = await fieldsFromArguments(verb, given, lookup);
  const isWaiting = Boolean(verb.reaches && command.getOptionValue('wait'));
  const outcomes = await Promise.allSettled(
    requests.map(async ({ target, fields }) => {
      const body = checked(verb, { ...(await fields()), ...fromFlags }, flags);
      const settling = isWaiting ? await beginWaiting(invocation, body) : undefined;
      try {
        const reply = (await client.ask(verb.endpoint, body)) as Thing;
        const label = requests.length > 1 ? target : undefined;
        return { target, reply: settling ? await settledReply(settling, invocation, reply, label) : reply };
      } finally {
        settling?.end();
      }
    }),
  );
  const done = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  if (done.length > 0) {
    output.replies(
      done.map(({ reply }) => reply),
      done.map(({ target }) => target),
    );
  }
  invocation.signal.throwIfAborted();
  const [first, ...others] = failed;
  for (const other of others) tell(toFailure(inWordsOfTheCommand(other, verb, flags)), output.isJson);
  if (first !== undefined) throw first;
}

/** What the last argument names, or all that there are. */
async function namedOrAll({ noun, given, command, client }: Invocation, list: AnyEndpoint): Promise<[string[]]> {
  const [named = []] = given as [string[]?];
  const isAll = Boolean(command.getOptionValue('all'));
  if (isAll === named.length > 0) throw fail('invalid_request', `name each ${noun.id}, or give --all`);
  return isAll ? [(await allPages(client, list, {})).map((each) => String(each[noun.id]))] : [named];
}

async function beginWaiting({ client, signal, output, command }: Invocation, body: Thing): Promise<Settling> {
  const { uuid } = body;
  const projectId =
    typeof uuid === 'string'
      ? (await client.ask(api.instance.get, { uuid })).instance.projectId
      : await currentProject(client);
  const timeoutMs = Number(command.getOptionValue('timeout') ?? defaultTimeout) * 1000;
  return followSettling(client, projectId, { signal, timeoutMs, isQuiet: output.isQuiet || output.isJson });
}

/** The same reply, with the instances as they are when they have settled. */
async function settledReply(
  settling: Settling,
  { verb }: Invocation,
  reply: Thing,
  label: string | undefined,
): Promise<Thing> {
  const { instance, instances } = reply as { instance?: InstanceView; instances?: InstanceView[] };
  const reaches = verb.reaches ?? [];
  if (instance) return { instance: await settling.until(instance, reaches, { label }) };
  const several = instances ?? [];
  const settled = several.map((each) =>
    settling.until(each, reaches, { label: several.length > 1 ? each.hostname : label, isNew: true }),
  );
  return { instances: await Promise.all(settled) };
}
