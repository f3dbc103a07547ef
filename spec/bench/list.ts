/** `instance.list` of many running instances, to its last page, beside as many bytes in as many plain requests. */
import { api } from '../../transport/messages/api.ts';
import type { ApiClient } from '../../transport/nats/api-client.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { repeat, time } from './chain.ts';
import { startCloudProcesses } from './cloud.ts';
import { median, quantile, type Report } from './report.ts';
import { withNats } from './with-nats.ts';

const launchesAtOnce = 50;
const warmUps = 3;

export async function measureList(report: Report, { instances, lists }: { instances: number; lists: number }) {
  await withNats(async ({ url }) => {
    const cloud = await startCloudProcesses(url, 'oneProcess');
    try {
      await repeat(instances, launchesAtOnce, cloud.launch);
      await time(warmUps, 1, () => listAll(cloud.client, instances));
      const { times } = await time(lists, 1, () => listAll(cloud.client, instances));
      const pages = (await listAll(cloud.client, instances)).map((page) => JSON.stringify(page).length);
      const bare = await measureBare(url, pages, lists);
      report.add('list.instances', instances, 1);
      report.add('list.pages', pages.length, 1);
      report.add(
        'list.bytes',
        pages.reduce((sum, size) => sum + size, 0),
        1,
      );
      report.add('list.p50Ms', median(times), lists);
      report.add('list.p99Ms', quantile(times, 0.99), lists);
      report.add('list.bareP50Ms', median(bare), lists);
      report.add('list.ratio', median(times) / median(bare), lists);
    } finally {
      await cloud.stop();
    }
  });
}

/** Ends with the page that completes `count`. */
async function listAll(client: ApiClient, count: number): Promise<object[]> {
  const pages: object[] = [];
  let marker: string | undefined;
  for (let listed = 0; listed < count; ) {
    const page = await client.ask(api.instance.list, { ...(marker !== undefined && { marker }) });
    marker = page.instances.at(-1)?.uuid;
    if (marker === undefined) throw new Error(`the list ends after ${listed} of ${count} instances`);
    listed += page.instances.length;
    pages.push(page);
  }
  return pages;
}

async function measureBare(url: string, pages: number[], lists: number): Promise<number[]> {
  const [client, server] = await Promise.all([
    connectBus({ url, name: 'bench client' }),
    connectBus({ url, name: 'bench server' }),
  ]);
  try {
    const bodies = pages.map((size) => 'x'.repeat(size));
    server.nats.connection.subscribe('bench.list', {
      callback: (_, message) => void message.respond(bodies[Number(message.string())]),
    });
    await server.nats.connection.flush();
    const listAllBare = async () => {
      for (const index of bodies.keys()) await client.nats.connection.request('bench.list', String(index));
    };
    await time(warmUps, 1, listAllBare);
    return (await time(lists, 1, listAllBare)).times;
  } finally {
    await Promise.all([client.close(), server.close()]);
  }
}
