/**
 * The bare chain: the messages and acknowledged records of a launch between plain NATS clients, in the same layout of
 * processes. What a launch costs beyond it is what charts, checks and decisions cost.
 */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { headers } from 'nats';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { ensureBareStreams, isRunning, padded, readBare } from './bare-wire.ts';
import type { Chain } from './chain.ts';
import { startChild } from './child.ts';
import { type Layout, launchParts } from './figures.ts';
import type { LaunchShape } from './launch-shape.ts';

const script = fileURLToPath(new URL('bare-part.ts', import.meta.url));
const timeout = 20_000;
/** As long as the token that a request to the API carries. */
const authorization = 'Bearer '.padEnd(50, 'x');

export async function startBareChain(url: string, layout: Layout, shape: LaunchShape): Promise<Chain> {
  const bus = await connectBus({ url, name: 'bare client' });
  await ensureBareStreams(bus);
  const start = (name: string, role: string) =>
    startChild(name, script, [role, url, JSON.stringify(shape)], /is ready/);
  const processes = await Promise.all(
    layout === 'oneProcess' ? [start('cloud', 'all')] : launchParts.map((role) => start(role, role)),
  );
  const awaited = new Map<string, () => void>();
  bus.nats.connection.subscribe('bare.fact.*', {
    callback: (_, { data }) => {
      const { id, mark } = readBare(data);
      if (mark !== isRunning) return;
      awaited.get(id)?.();
      awaited.delete(id);
    },
  });
  await bus.nats.connection.flush();
  return {
    processes,
    async launch() {
      const id = randomUUID();
      const running = new Promise<void>((resolve) => awaited.set(id, resolve));
      const carried = headers();
      carried.set('Authorization', authorization);
      const body = padded(shape.calls.api.request, id);
      await Promise.all([bus.nats.connection.request('bare.api', body, { headers: carried, timeout }), running]);
    },
    async clear() {},
    async stop() {
      await Promise.all(processes.map((child) => child.stop()));
      await bus.close();
    },
  };
}
