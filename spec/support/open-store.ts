/** The store as a process makes it ready that an operator has told something of it. */
import type { Bus } from '../../transport/nats/bus.ts';
import { ensureCastStream } from '../../transport/nats/cast.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import type { StoreSettings } from '../../transport/nats/ensure-stream.ts';
import { ensureFactStream } from '../../transport/nats/fact.ts';

export async function openStore(url: string, store: StoreSettings): Promise<Bus> {
  const bus = await connectBus({ url, name: 'test', store });
  try {
    await ensureCastStream(bus.nats);
    await ensureFactStream(bus.nats);
    return bus;
  } catch (error) {
    await bus.close();
    throw error;
  }
}
