/**
 * Waits until every host has compared its guests with the records of the nats-server that answers now.
 *
 * A store may go back past the move of an instance from one host to another. Its record then sends it where it was, or
 * anywhere, and only the host that it was moved to could tell that it has a guest of it already, which that host
 * destroys as soon as it compares. So after each start of the nats-server no host makes a guest, or starts one again,
 * before all have compared, or are declared down; and no launch is taken before that whose instance one of them may
 * have. One that never has compared with anything has no guest of any record, and is not waited for; nor is one that
 * lives and does not come to it, for longer than it takes to declare a dead one down.
 */
import { sleep } from '../../transport/clock.ts';
import type { Host } from '../../transport/messages/records.ts';
import { openView } from '../../transport/nats/view.ts';
import { isOfEarlierServer } from './liveness.ts';
import type { Pulse } from './pulse.ts';
import type { Runtime } from './runtime.ts';

/** How often is looked who has not (ms). */
const lookEveryMs = 100;

/** Resolves with whether anybody had to be waited for. */
export async function untilAllCompared(runtime: Runtime, signal: AbortSignal): Promise<boolean> {
  const { bus, store, clock, logger, pulse } = runtime;
  // Closed again: kept, it would bring each heartbeat of every host to every other.
  const hosts = await openView(await store.bucket('host'), clock);
  const isLate = (host: Host) => !host.down && isOfEarlierServer(host, bus.servedBy);
  try {
    for (let waitedMs = 0; ; waitedMs += lookEveryMs) {
      const late = [...hosts.values()].filter(isLate).map(({ name }) => name);
      if (late.length === 0) return waitedMs > 0;
      if (waitedMs >= patienceMs(pulse)) {
        logger.warn({ hosts: late }, 'hosts are not waited for that have not compared their guests with the records');
        return true;
      }
      await sleep(clock, lookEveryMs, signal);
    }
  } finally {
    hosts.close();
  }
}

/** In which one that is dead is declared down. */
function patienceMs({ deadAfterMs }: Pulse): number {
  return 2 * deadAfterMs;
}
