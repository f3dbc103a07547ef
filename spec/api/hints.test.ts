import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import type { ApiClient } from '../../transport/nats/api-client.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
let client: ApiClient;
let stranger: ApiClient;
let first: InstanceView;
beforeAll(async () => {
  cloud = await startTestCloud({ hosts: [{ name: 'host1' }, { name: 'host2' }] });
  client = await cloud.createUser('hints');
  stranger = await cloud.createUser('strangers');
  first = await hostOf({}, client);
});
afterAll(() => cloud.stop());

async function hostOf(hints: { sameHost?: string[]; differentHost?: string[] }, as: ApiClient) {
  const { uuid } = await cloud.create({ hints }, as);
  return cloud.until(uuid, ({ state }) => state === 'running');
}

const nobody = '00000000-0000-4000-8000-000000000000';

describe('a launch', () => {
  it('comes to the host of another instance, or to none of its, as it asks', async () => {
    for (let round = 0; round < 3; round++) {
      expect((await hostOf({ sameHost: [first.uuid] }, client)).host).toBe(first.host);
      expect((await hostOf({ differentHost: [first.uuid] }, client)).host).not.toBe(first.host);
    }
  });

  it.each(['sameHost', 'differentHost'] as const)(
    'finds no instance of another project by %s: where it came to be would tell where that one is',
    async (hint) => {
      const own = await hostOf({}, stranger);
      await expect(cloud.create({ hints: { [hint]: [own.uuid, first.uuid] } }, stranger)).rejects.toMatchObject({
        failure: { code: 'not_found', details: { field: `/hints/${hint}/1` } },
      });
      await expect(cloud.create({ hints: { [hint]: [nobody] } }, client)).rejects.toMatchObject({
        failure: { code: 'not_found', details: { field: `/hints/${hint}/0` } },
      });
      expect((await stranger.ask(api.quota.get, {})).quota.instances.used).toBe(hint === 'sameHost' ? 1 : 2);
    },
  );

  it('of an administrator may be beside any instance', async () => {
    expect((await hostOf({ sameHost: [first.uuid] }, cloud.client)).host).toBe(first.host);
  });
});
