/** `list --watch`: the listing, drawn anew whenever something has happened to what it shows. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Thing } from './columns.ts';
import { currentProject } from './current-project.ts';
import type { Invocation } from './invocation.ts';

/** Much happens at once: a launch is a dozen facts. */
const restMs = 150;
/** Ages grow, and what no fact tells of is seen too. */
const drawAgainMs = 10_000;

/** Ends when it is interrupted. */
export async function watchListing(
  { client, output, verb, signal }: Invocation,
  body: Thing,
  list: () => Promise<Thing[]>,
): Promise<void> {
  let happened = new AbortController();
  const look = () => happened.abort();
  async function follow(): Promise<() => void> {
    if (verb.watches === 'hosts') return client.followHosts(look);
    if (verb.watches === 'alarms') return client.followAlarms(look);
    return client.follow(body.allProjects ? undefined : String(body.projectId ?? (await currentProject(client))), look);
  }
  const stop = await follow();
  try {
    for (;;) {
      happened = new AbortController();
      const things = await list();
      // From the top left, over what is there, which is then cleared: without flickering.
      if (process.stdout.isTTY && !output.isJson) process.stdout.write('\x1b[H\x1b[2J');
      output.list(things);
      await pause(drawAgainMs, undefined, { signal: AbortSignal.any([happened.signal, signal]) }).catch(
        () => undefined,
      );
      signal.throwIfAborted();
      await pause(restMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    stop();
  }
}
