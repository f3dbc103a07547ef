/** Records on a real cluster of three nats-servers: on all of them when an operator says so, and read as they are. */
import { createServer } from 'node:net';
import Type from 'typebox';
import { expect, it, onTestFinished } from 'vitest';
import { Exact } from '../../transport/messages/common.ts';
import { defineBucket } from '../../transport/messages/kinds.ts';
import { openBucket } from '../../transport/nats/bucket.ts';
import { ensureCastStream } from '../../transport/nats/cast.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import type { StoreSettings } from '../../transport/nats/ensure-stream.ts';
import { startTestNats, type TestNats } from '../support/nats.ts';
import { eventually } from '../support/test-cloud.ts';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const kind = defineBucket('test', Exact({ count: Type.Integer() }), { history: 4 });

it('stand on as many servers as is set, also those that were there before, and what is read is what was written last', async () => {
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const routes = ports.map((port) => `nats-route://127.0.0.1:${port}`).join(', ');
  const servers: TestNats[] = [];
  for (const port of ports) {
    const cluster = `cluster { name: test, listen: "127.0.0.1:${port}", routes: [${routes}], no_advertise: true }`;
    const nats = await startTestNats({ extraConfig: cluster });
    onTestFinished(() => nats.stop());
    servers.push(nats);
  }
  const url = servers.map((server) => server.url).join(',');

  async function open(store: StoreSettings) {
    // The cluster has to agree on who leads it first.
    const bus = await connectBus({ url, name: 'test', store, waitMs: 30_000 });
    onTestFinished(() => bus.close());
    await eventually(
      () =>
        ensureCastStream(bus.nats).then(
          () => true as const,
          () => undefined,
        ),
      30_000,
    );
    return { bus, bucket: await openBucket(bus, kind) };
  }

  const before = await open({});
  expect(await before.bucket.put('a', { count: 1 })).toBe(1);
  const { bus, bucket } = await open({ replicas: 3 });
  for (const name of ['KV_test', 'CLOUD_CASTS']) {
    const { config } = await bus.nats.manager.streams.info(name);
    expect([name, config.num_replicas]).toEqual([name, 3]);
  }
  expect((await bus.nats.manager.streams.info('KV_test')).config.allow_direct).toBe(false);
  // The new replicas have to catch up before they can be asked to agree.
  await eventually(() => bucket.put('a', { count: 0 }).catch(() => undefined), 30_000);
  for (let count = 1; count <= 200; count++) {
    await bucket.put('a', { count });
    expect((await bucket.get('a'))?.value).toEqual({ count });
  }
}, 120_000);
