import { afterAll, beforeAll, expect, it } from 'vitest';
import { apiVersion, endpoints } from '../../transport/messages/api.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { type BareClient, connectBare } from './bare-client.ts';

let cloud: TestCloud;
let bare: BareClient;
beforeAll(async () => {
  cloud = await startTestCloud();
  bare = await connectBare(cloud.url);
});
afterAll(async () => {
  await bare.close();
  await cloud.stop();
});

it('answers the ping of the NATS micro protocol', async () => {
  const { body } = await bare.ask('$SRV.PING.kilonova-api', '');
  expect(body).toMatchObject({ type: 'io.nats.micro.v1.ping_response', name: 'kilonova-api', version: apiVersion });
  expect((await bare.ask(`$SRV.PING.kilonova-api.${String(body.id)}`, '')).body.id).toBe(body.id);
});

it('tells of every endpoint what a client needs to begin', async () => {
  const { body } = await bare.ask('$SRV.INFO.kilonova-api', '');
  const told = body.endpoints as { subject: string; queue_group: string; metadata: object }[];
  expect(body.type).toBe('io.nats.micro.v1.info_response');
  expect(told.map(({ subject, queue_group, metadata }) => ({ subject, queue_group, metadata }))).toEqual(
    endpoints.map(({ name, description, access, kind, timeoutMs }) => ({
      subject: `cloud.api.v1.${name}`,
      queue_group: 'api',
      metadata: { description, access, kind, timeoutMs: String(timeoutMs), schema: 'cloud.api.v1.schema.get' },
    })),
  );
});

interface EndpointStats {
  subject: string;
  num_requests: number;
  data: { answers: number; failures: number; averageMs: number };
}

it('counts requests and failures of each endpoint, and measures how long they took', async () => {
  const statsOf = async (name: string) => {
    const { body } = await bare.ask('$SRV.STATS.kilonova-api', '');
    return (body.endpoints as EndpointStats[]).find(({ subject }) => subject === `cloud.api.v1.${name}`);
  };
  const ask = bare.as(cloud.token);
  expect(await statsOf('flavor.list')).toMatchObject({
    num_requests: 0,
    data: { answers: 0, failures: 0, averageMs: 0 },
  });
  for (let count = 0; count < 3; count++) await ask('flavor.list', {});
  await ask('flavor.list', { surprise: 1 });
  await bare.ask('cloud.api.v1.flavor.list', {});
  const stats = await statsOf('flavor.list');
  expect(stats).toMatchObject({ num_requests: 5, data: { answers: 5, failures: 2 } });
  expect(stats?.data.averageMs).toBeGreaterThanOrEqual(0);

  // Longer than a tick of the clock.
  cloud.hypervisors.get('host1')?.delay('consoleLog', 50);
  const { uuid } = await cloud.create();
  await cloud.until(uuid, ({ state }) => state === 'running');
  await ask('instance.console-log', { uuid });
  expect((await statsOf('instance.console-log'))?.data.averageMs).toBeGreaterThanOrEqual(49);
});
