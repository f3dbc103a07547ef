/** What NATS itself does here: requests, published messages and key-value puts a second, between plain clients. */
import { StorageType } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { time } from './chain.ts';
import { concurrencies, natsOperations } from './figures.ts';
import { median, type Report } from './report.ts';
import { withNats } from './with-nats.ts';

/** About what a record of an instance has. */
const body = 'x'.repeat(1_000);
const warmUps = 200;

export async function measureNatsRates(report: Report, { operations, rounds }: { operations: number; rounds: number }) {
  await withNats(async ({ url }) => {
    const [client, server] = await Promise.all(
      ['client', 'server'].map((name) => connectBus({ url, name: `bench ${name}` })),
    );
    if (!client || !server) throw new TypeError('two names make two connections');
    try {
      server.nats.connection.subscribe('bench.request', { callback: (_, message) => void message.respond(body) });
      await server.nats.connection.flush();
      await client.nats.manager.streams.add({ name: 'BENCH', subjects: ['bench.publish'], storage: StorageType.File });
      const kv = await new Kvm(client.nats.jetstream).create('bench');
      let key = 0;
      const work: Record<(typeof natsOperations)[number], () => Promise<unknown>> = {
        request: () => client.nats.connection.request('bench.request', body, { timeout: 20_000 }),
        publish: () => client.nats.jetstream.publish('bench.publish', body),
        put: () => kv.put(`key-${key++ % 1_000}`, body),
      };
      for (const operation of natsOperations) {
        await time(Math.min(warmUps, operations), 10, work[operation]);
        for (const concurrency of concurrencies) {
          const times: number[] = [];
          const rates: number[] = [];
          for (let round = 0; round < rounds; round++) {
            const measured = await time(operations, concurrency, work[operation]);
            times.push(...measured.times);
            rates.push((operations / measured.elapsedMs) * 1000);
          }
          report.add(`nats.${operation}.${concurrency}.perSecond`, median(rates), rates.length);
          report.add(`nats.${operation}.${concurrency}.p50Ms`, median(times), times.length);
        }
      }
    } finally {
      await Promise.all([client.close(), server.close()]);
    }
  });
}
