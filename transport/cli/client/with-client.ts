/** Connects a client command to the cloud for as long as it runs. */
import type { QueuedIterator, Status } from 'nats';
import { fail } from '../../../machines/failure.ts';
import { ApiClient } from '../../nats/api-client.ts';
import type { Bus } from '../../nats/bus.ts';
import { readClaims } from '../../nats/nats-jwt.ts';
import { connectTo, type NatsAccess } from '../nats-access.ts';
import type { Settings } from '../settings.ts';
import { warn } from '../tell.ts';
import { findAccess, findToken } from './access.ts';
import type { Invocation } from './invocation.ts';
import { Lookup } from './lookup.ts';
import { Output, type OutputOptions } from './output.ts';
import { runVerb } from './run-verb.ts';

/** Who waits at a terminal wants to know soon that nobody is there. */
const connectMs = 5_000;
/** How long what does more than ask may take to clear up. */
const clearUpMs = 5_000;
/** When to say that credentials end. */
const soonMs = 5 * 24 * 3600 * 1000;

export async function withClient(
  invocation: Pick<Invocation, 'noun' | 'verb' | 'command' | 'flags' | 'given'>,
): Promise<void> {
  const { noun, verb, command } = invocation;
  const output = new Output(noun, verb, command.opts<OutputOptions>());
  const token = verb.endpoint.access === 'anyone' ? '' : findToken(command).value;
  const access = findAccess(command.opts<Settings>());
  const bus = await connect(access, connectMs);
  tellOfEnd(access);
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(fail('cancelled', 'interrupted'));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const stopTelling = tellOfConnection(bus);
  try {
    const client = new ApiClient(bus, token);
    const { signal } = interrupted;
    const running = runVerb({ ...invocation, client, lookup: new Lookup(client), output, signal });
    await Promise.race([running, aborted(signal, verb.run ? clearUpMs : 0)]);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    stopTelling();
    await bus.close();
  }
}

export function connect(access: NatsAccess, timeoutMs: number): Promise<Bus> {
  return connectTo(access, {
    name: 'kilonova client',
    usesJetStream: false,
    timeoutMs,
    onRefusal: ({ operation, subject }) => warn(`the user of --creds may not ${operation} ${subject}`),
  });
}

/** Nobody is let in with credentials that have ended, not even to have new ones made. */
function tellOfEnd({ credentials }: NatsAccess): void {
  const { exp } = credentials ? readClaims(credentials.jwt) : {};
  if (exp === undefined || exp * 1000 - Date.now() > soonMs) return;
  warn(`the credentials end at ${new Date(exp * 1000).toISOString()}; kilonova token creds makes new ones until then`);
}

/** For who waits or watches: silence would look as if nothing happened. */
function tellOfConnection({ nats: { connection } }: Bus): () => void {
  const status = connection.status() as QueuedIterator<Status>;
  void (async () => {
    for await (const { type } of status) {
      if (type === 'disconnect') warn('the connection to the cloud is lost; trying again');
      if (type === 'reconnect') warn('the cloud is there again');
    }
  })();
  return () => status.stop();
}

/** What only waits for an answer does not look at the signal. */
function aborted(signal: AbortSignal, afterMs: number): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => setTimeout(() => reject(signal.reason), afterMs), { once: true });
  });
}
