/** How much JetStream holds, and may hold. */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { Nats, StoreUse } from './bus.ts';
import { answered } from './store-answer.ts';
import { streams } from './subjects.ts';

/** What the stream of facts may still grow to counts as used: nobody is asked before something happens. */
export async function storeUse({ manager }: Nats): Promise<StoreUse> {
  const [{ storage, limits }, promised] = await answered(
    Promise.all([manager.getAccountInfo(), promisedTo(manager, streams.facts.name)]),
  );
  const { max_storage: limit = -1 } = limits;
  return { usedBytes: storage + promised, ...(limit >= 0 && { limitBytes: limit }) };
}

async function promisedTo(manager: Nats['manager'], stream: string): Promise<number> {
  try {
    const { config, state } = await manager.streams.info(stream);
    return Math.max(0, config.max_bytes - state.bytes);
  } catch (error) {
    if (error instanceof JetStreamApiError) return 0;
    throw error;
  }
}
