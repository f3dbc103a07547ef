/** `kilonova instance console` */
import { setTimeout as pause } from 'node:timers/promises';
import { Option } from 'commander';
import { api } from '../../messages/api.ts';
import { printableLog } from '../client/format-value.ts';
import type { Invocation } from '../client/invocation.ts';
import type { Verb } from '../client/noun.ts';
import { bodyOf } from '../client/request-body.ts';

const followMs = 500;
/** How much of what was seen has to be seen again to know where it goes on. */
const overlap = 512;
/** All that the API gives of a log. */
const mostBytes = 262_144;
const shortBytes = 32_768;

export const consoleVerb: Verb = {
  word: 'console',
  endpoint: api.instance.consoleLog,
  arguments: ['uuid'],
  flags: [],
  extra: [new Option('-f, --follow', 'go on with what the guest writes, until Ctrl-C')],
  run: showConsole,
  example: 'web --max-bytes 4096',
};

async function showConsole(invocation: Invocation): Promise<void> {
  const { client, command, output, signal } = invocation;
  const first = (await bodyOf(invocation)) as { uuid: string; maxBytes?: number };
  const reply = await client.ask(api.instance.consoleLog, first);
  if (output.isJson) return output.json(reply);
  show(reply.output);
  if (!command.getOptionValue('follow')) {
    if (!reply.output.endsWith('\n') && process.stdout.isTTY) process.stdout.write('\n');
    return;
  }
  let seen = reply.output;
  let fresh = '';
  for (;;) {
    await pause(followMs, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
    // A short log is looked at from its beginning; of a long one, what can have been written in so little time.
    const isShort = Buffer.byteLength(seen) < shortBytes;
    const maxBytes = isShort ? mostBytes : Math.min(mostBytes, Math.max(shortBytes, 4 * Buffer.byteLength(fresh)));
    const { output: latest } = await client.ask(api.instance.consoleLog, { uuid: first.uuid, maxBytes });
    fresh = whatIsNew(seen, latest);
    show(fresh);
    seen = (seen + fresh).slice(-mostBytes);
  }
}

/** A file is given what the guest has written; `attach` is for whoever wants a terminal to do as it says. */
function show(log: string): void {
  process.stdout.write(process.stdout.isTTY ? printableLog(log) : log);
}

/** What `latest`, the end of the log, holds after what was seen of it. All of it, when the log has begun anew. */
export function whatIsNew(seen: string, latest: string): string {
  if (latest.startsWith(seen)) return latest.slice(seen.length);
  const tail = seen.slice(-overlap);
  const at = latest.lastIndexOf(tail);
  if (at >= 0) return latest.slice(at + tail.length);
  // The piece begins within what was seen, or is shorter than the overlap.
  for (let length = Math.min(tail.length, latest.length); length > 0; length--) {
    if (latest.startsWith(seen.slice(-length))) return latest.slice(length);
  }
  return latest;
}
