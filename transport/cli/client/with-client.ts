/** Connects a client command to the cloud for as long as it runs. */
import type { QueuedIterator, Status } from 'nats';
import { fail } from '../../../machines/failure.ts';
import { ApiClient } from '../../nats/api-client.ts';
import type { Bus } from '../../nats/bus.ts';
import { connectBus } from '../../nats/connect-bus.ts';
import { shownUrls } from '../../nats/server-urls.ts';
import type { Settings } from '../settings.ts';
import { warn } from '../tell.ts';
import { findNatsUrl, findToken } from './access.ts';
import type { Invocation } from './invocation.ts';
import { Lookup } from './lookup.ts';
import { Output, type OutputOptions } from './output.ts';
import { runVerb } from './run-verb.ts';

/** Who waits at a terminal wants to know soon that nobody is there. */
const connectMs = 5_000;
const clearUpMs = 500;

export async function withClient(
  invocation: Pick<Invocation, 'noun' | 'verb' | 'command' | 'flags' | 'given'>,
): Promise<void> {
  const { noun, verb, command } = invocation;
  const output = new Output(noun, verb, command.opts<OutputOptions>());
  const token = verb.endpoint.access === 'anyone' ? '' : findToken(command).value;
  const bus = await connect(findNatsUrl(command.opts<Settings>()).value, connectMs);
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(fail('cancelled', 'interrupted'));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const stopTelling = tellOfConnection(bus);
  try {
    const client = new ApiClient(bus, token);
    const { signal } = interrupted;
    const running = runVerb({ ...invocation, client, lookup: new Lookup(client), output, signal });
    await Promise.race([running, aborted(signal)]);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    stopTelling();
    await bus.close();
  }
}

export async function connect(url: string, timeoutMs: number): Promise<Bus> {
  try {
    return await connectBus({ url, name: 'kilonova client', connection: { timeout: timeoutMs } });
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw fail('unavailable', `there is no cloud at ${shownUrls(url)}: ${reason}`, { disposition: 'retry' });
  }
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

/** What only waits for an answer does not look at the signal; what does is given the time to clear up. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => setTimeout(() => reject(signal.reason), clearUpMs), { once: true });
  });
}
