import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leaseKey } from '../../actors/network/address-book.ts';
import { parseIpv4 } from '../../actors/network/ipv4.ts';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import { api } from '../../transport/messages/api.ts';
import type { Network, Subnet } from '../../transport/messages/records.ts';
import type { ApiClient } from '../../transport/nats/api-client.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { pagesOf } from './pages.ts';

let cloud: TestCloud;
let admin: ApiClient;
let owner: ApiClient;
let stranger: ApiClient;
const own = networkOf('own', 'owner');
const ownSubnets = [subnetOf('10.10.0.0/29', own, '10.10.0.6'), subnetOf('10.9.0.0/24', own)];

beforeAll(async () => {
  cloud = await startTestCloud();
  admin = cloud.client;
  owner = await cloud.createUser('owner', ['reader', 'member']);
  stranger = await cloud.createUser('stranger', ['reader', 'member']);
  const { store } = cloud.runtime;
  const [networks, subnets] = [await store.bucket('network'), await store.bucket('subnet')];
  await networks.put(own.id, own);
  for (const subnet of ownSubnets) await subnets.put(subnet.id, subnet);
  for (const kind of ['network', 'subnet'] as const) await (await store.view(kind)).caughtUp();
});
afterAll(() => cloud.stop());

function networkOf(name: string, projectId: string): Network {
  return { id: nameUuid('network', name), name, projectId, type: 'flat', bridge: 'kn-own', mtu: 1400, createdAt: 0 };
}

function subnetOf(cidr: string, { id: networkId }: Network, gateway?: string): Subnet {
  const prefix = cidr.slice(0, cidr.lastIndexOf('.'));
  return {
    id: nameUuid('subnet', cidr),
    networkId,
    cidr,
    ...(gateway !== undefined && { gateway }),
    dnsServers: ['9.9.9.9'],
    allocation: { first: `${prefix}.2`, last: `${prefix}.250` },
    createdAt: 0,
  };
}

const refused = (asked: Promise<unknown>) =>
  asked.then(
    () => undefined,
    ({ failure }) => failure,
  );
const namesOf = async (client: ApiClient) => (await client.ask(api.network.list, {})).networks.map(({ name }) => name);

describe('a network', () => {
  it('is seen by every project when it is shared, and by its own otherwise', async () => {
    expect(await namesOf(owner)).toEqual(['default', 'own']);
    expect(await namesOf(stranger)).toEqual(['default']);
    expect(await namesOf(admin)).toEqual(['default', 'own']);
    expect((await owner.ask(api.network.get, { network: 'own' })).network).toEqual({
      id: own.id,
      name: 'own',
      isShared: false,
      projectId: 'owner',
      type: 'flat',
      mtu: 1400,
      subnetIds: ownSubnets.map(({ id }) => id).toReversed(),
      createdAt: new Date(0).toISOString(),
    });
    expect((await owner.ask(api.network.get, { network: 'default' })).network).toMatchObject({ isShared: true });
    for (const network of ['own', own.id, 'none', '__proto__']) {
      for (const asked of [stranger.ask(api.network.get, { network }), stranger.ask(api.subnet.list, { network })]) {
        expect(await refused(asked)).toMatchObject({ code: 'not_found', details: { field: '/network' } });
      }
    }
  });

  it('shows its bridge to administrators alone', async () => {
    expect((await admin.ask(api.network.get, { network: own.id })).network.bridge).toBe('kn-own');
    for (const { bridge } of (await admin.ask(api.network.list, {})).networks) expect(bridge).toBeDefined();
    for (const network of (await owner.ask(api.network.list, {})).networks)
      expect(network).not.toHaveProperty('bridge');
  });

  it('comes in pages', async () => {
    const [first] = (await owner.ask(api.network.list, { limit: 1 })).networks;
    const rest = (await owner.ask(api.network.list, { marker: first?.id ?? '' })).networks;
    expect([first?.name, ...rest.map(({ name }) => name)]).toEqual(['default', 'own']);
    expect((await owner.ask(api.network.list, { marker: 'own' })).networks).toEqual([]);
    expect(await refused(stranger.ask(api.network.list, { marker: 'own' }))).toMatchObject({
      code: 'not_found',
      details: { field: '/marker' },
    });
  });
});

describe('a subnet', () => {
  const list = async (client: ApiClient, query = {}) => (await client.ask(api.subnet.list, query)).subnets;

  it('is listed with its network, in the order of its addresses', async () => {
    const cidrs = async (client: ApiClient, query = {}) => (await list(client, query)).map(({ cidr }) => cidr);
    expect(await cidrs(owner)).toEqual(['10.9.0.0/24', '10.10.0.0/29', '10.20.0.0/22']);
    expect(await cidrs(owner, { network: 'own' })).toEqual(['10.9.0.0/24', '10.10.0.0/29']);
    expect(await cidrs(stranger)).toEqual(['10.20.0.0/22']);
    const [first] = await list(owner, { limit: 1 });
    expect(await cidrs(owner, { limit: 1, marker: first?.id })).toEqual(['10.10.0.0/29']);
    expect(await refused(stranger.ask(api.subnet.list, { marker: first?.id ?? '' }))).toMatchObject({
      code: 'not_found',
      details: { field: '/marker' },
    });
  });

  it('tells how many addresses it gives out, and how many it has given', async () => {
    const [large, small] = await list(owner, { network: 'own' });
    // What is beyond the block is none of it, and the gateway nobody's.
    expect(large?.addresses).toEqual({ total: 249, used: 0 });
    expect(small?.addresses).toEqual({ total: 4, used: 0 });
    const { store } = cloud.runtime;
    const leases = await store.bucket('address');
    const lease = { portId: nameUuid('port'), instanceUuid: nameUuid('instance'), leasedAt: 0 };
    // One that is given out, and one that was asked for beside them.
    for (const address of ['10.10.0.2', '10.10.0.1']) await leases.put(leaseKey(small?.id ?? '', address), lease);
    await (await store.view('address')).caughtUp();
    expect((await list(owner, { network: 'own' })).map(({ addresses }) => addresses.used)).toEqual([0, 1]);
  });
});

describe('the fixed IPs', () => {
  const list = async (client: ApiClient, query = {}) => (await client.ask(api.address.list, query)).addresses;

  async function launch(client: ApiClient, network: string, fixedIp?: string): Promise<string> {
    const networks = [{ network, ...(fixedIp !== undefined && { fixedIp }) }];
    const { uuid } = await cloud.create({ networks }, client);
    await cloud.until(uuid, ({ state }) => state === 'running');
    return uuid;
  }

  it('are those of the project’s instances, in the order of numbers', async () => {
    const fixedIps = ['10.9.0.100', '10.9.0.20', '10.9.0.3', '10.10.0.4'];
    const uuids: string[] = [];
    for (const fixedIp of fixedIps) uuids.push(await launch(owner, 'own', fixedIp));
    uuids.push(await launch(owner, 'default'));
    const foreign = await launch(stranger, 'default');

    const all = await list(owner);
    expect(all.slice(0, 4).map(({ address }) => address)).toEqual(['10.9.0.3', '10.9.0.20', '10.9.0.100', '10.10.0.4']);
    expect(all.map(({ instanceUuid }) => instanceUuid).toSorted()).toEqual(uuids.toSorted());
    for (const { instanceUuid, address, portId, mac, projectId } of all) {
      const { ports } = (await owner.ask(api.instance.get, { uuid: instanceUuid })).instance;
      expect(ports).toMatchObject([{ id: portId, mac, addresses: [address] }]);
      expect(projectId).toBe('owner');
    }
    expect((await list(owner, { network: 'own' })).map(({ networkId }) => networkId)).toEqual(Array(4).fill(own.id));
    expect((await list(owner, { instanceUuid: uuids[1] })).map(({ address }) => address)).toEqual(['10.9.0.20']);

    const pages = await pagesOf(2, 'portId', (page) => list(owner, page));
    expect(pages.flat()).toEqual(all);

    const everyones = await list(admin, { allProjects: true });
    expect(everyones.map(({ instanceUuid }) => instanceUuid).toSorted()).toEqual([...uuids, foreign].toSorted());
    const numbers = everyones.map(({ address }) => parseIpv4(address) ?? 0);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(await list(admin)).toEqual([]);

    const [one] = uuids;
    await owner.ask(api.instance.delete, { uuid: one ?? '' });
    await cloud.until(one ?? '', ({ state }) => state === 'deleted');
    await cloud.runtime.store.view('port').then((ports) => ports.caughtUp());
    expect((await list(owner)).map(({ instanceUuid }) => instanceUuid)).not.toContain(one);
  });

  it('of others are not there for who may not see them; each miss names its field', async () => {
    const uuid = await launch(owner, 'default');
    const [{ portId } = { portId: '' }] = await list(owner, { instanceUuid: uuid });
    const unknown = nameUuid('nothing');
    for (const [query, field] of [
      [{ instanceUuid: uuid }, '/instanceUuid'],
      [{ instanceUuid: unknown }, '/instanceUuid'],
      [{ marker: portId }, '/marker'],
      [{ marker: unknown }, '/marker'],
      [{ network: 'own' }, '/network'],
    ] as const) {
      const failure = await refused(stranger.ask(api.address.list, query));
      expect(failure).toMatchObject({ code: 'not_found', details: { field } });
    }
    expect(await refused(stranger.ask(api.address.list, { allProjects: true }))).toMatchObject({
      code: 'forbidden',
      details: { field: '/allProjects' },
    });
  });
});
