import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { StateValue } from 'xstate';
import { ensureDefaultNetwork } from '../../actors/network/default-network.ts';
import { startNetworkController } from '../../actors/network/network-controller.ts';
import { portIdOf } from '../../actors/network/port-book.ts';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import type { Part, Runtime } from '../../actors/runtime/runtime.ts';
import { toFailure } from '../../machines/failure.ts';
import { networkCalls } from '../../transport/messages/internal.ts';
import type { Network, Subnet } from '../../transport/messages/records.ts';
import { call } from '../../transport/nats/call.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { rawBucket } from '../support/raw-bucket.ts';
import { newInstance } from '../support/records.ts';
import { startTestRuntimes, type TestRuntimes } from '../support/runtimes.ts';

let runtimes: TestRuntimes;
let client: Runtime;
const servers: Runtime[] = [];
const controllers: Part[] = [];
let count = 0;

beforeAll(async () => {
  runtimes = await startTestRuntimes();
  client = await runtimes.connect();
  for (let index = 0; index < 2; index++) {
    const server = await runtimes.connect();
    servers.push(server);
    controllers.push(await startNetworkController(server));
  }
});
afterAll(async () => {
  for (const controller of controllers) await controller.stop();
  await runtimes.stop();
});
afterEach(async () => {
  const [ports, leases] = [await client.store.bucket('port'), await client.store.bucket('address')];
  for (const bucket of [ports, leases]) for (const key of await bucket.keys()) await bucket.remove(key);
});

interface Wanted {
  networkId: string;
  mac?: string;
  fixedIp?: string;
}

const newUuid = () => nameUuid('test', String(count++));
const newMac = () =>
  `fa:16:3e:${(count++)
    .toString(16)
    .padStart(6, '0')
    .replace(/(..)(..)(..)/, '$1:$2:$3')}`;

interface Placement {
  host?: string;
  attempt?: number;
  /** Where its chart stands. */
  state?: StateValue;
}

/** The instance is on the host, and has its ports from there. */
async function allocate(uuid: string, networks: Wanted[], placement: Placement = {}) {
  await place(uuid, networks, placement);
  return ask(uuid, placement);
}

async function place(uuid: string, wanted: Wanted[], { host = 'host1', attempt = 1, state }: Placement = {}) {
  const networks = wanted.map((network) => ({ mac: newMac(), ...network }));
  const { chart, ...record } = newInstance(uuid, { networks });
  const value = state ?? chart.value;
  const placed = { ...record, owner: { host }, chart: { ...chart, value, context: { ...chart.context, attempt } } };
  await (await client.store.bucket('instance')).put(uuid, placed);
}

function ask(instanceUuid: string, { host = 'host1', attempt = 1 }: Placement = {}) {
  const kind = networkCalls.allocateForInstance;
  const body = { instanceUuid, attempt };
  return call(client.bus, subjects.hostCall('network', host, kind.name), kind, body, newContext());
}

/** As the control plane does for a host that is down; `host`: as that host does. */
function release(instanceUuid: string, attempt = 1, host?: string) {
  const kind = networkCalls.releaseForInstance;
  const subject = host === undefined ? subjects.networkCall(kind.name) : subjects.hostCall('network', host, kind.name);
  return call(client.bus, subject, kind, { instanceUuid, attempt }, newContext());
}

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it did not fail'),
    (error) => toFailure(error),
  );

async function newNetwork(cidr: string): Promise<{ network: Network; subnet: Subnet }> {
  return ensureDefaultNetwork(client, { name: `network-${count++}`, cidr, bridge: 'br0', mtu: 1400 });
}

async function expectNothingLeft(): Promise<void> {
  expect(await (await client.store.bucket('port')).keys()).toEqual([]);
  expect(await (await client.store.bucket('address')).keys()).toEqual([]);
}

describe('allocating', () => {
  it('answers what a host needs to plug the port in', async () => {
    const { network } = await newNetwork('10.1.0.0/24');
    const uuid = newUuid();
    const mac = newMac();
    const { ports } = await allocate(uuid, [{ networkId: network.id, mac }]);
    expect(ports).toEqual([
      {
        id: portIdOf(uuid, 0),
        networkId: network.id,
        mac,
        bridge: 'br0',
        mtu: 1400,
        fixedIps: [{ address: expect.stringMatching(/^10\.1\.0\.\d+$/), prefixLength: 24, gateway: '10.1.0.1' }],
        dnsServers: [],
      },
    ]);
  });

  it('gives each of a thousand concurrent callers an address of its own, and the rest none', async () => {
    const { network } = await newNetwork('10.20.0.0/22');
    const room = 1024 - 3;
    const uuids = Array.from({ length: 1100 }, newUuid);
    const outcomes = await Promise.allSettled(uuids.map((uuid) => allocate(uuid, [{ networkId: network.id }])));
    const given = outcomes.filter((outcome) => outcome.status === 'fulfilled').map(({ value }) => value.ports[0]);
    const addresses = new Set(given.map((port) => port?.fixedIps[0]?.address));
    const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => toFailure(reason));
    expect(addresses.size).toBe(given.length);
    expect([...addresses].filter((address) => /^10\.20\.(0\.[01]|3\.255)$/.test(address ?? ''))).toEqual([]);
    expect(failures.filter(({ code, disposition }) => code !== 'no_more_addresses' || disposition !== 'abort')).toEqual(
      [],
    );
    expect(failures[0]?.message).toContain('10.20.0.0/22');
    expect(given.length).toBe(room);
    expect(failures.length).toBe(1100 - room);
    expect((await (await client.store.bucket('address')).keys()).length).toBe(room);

    await Promise.all(uuids.map((uuid) => release(uuid)));
    await expectNothingLeft();
    // What was given back can be had again.
    const { ports } = await allocate(newUuid(), [{ networkId: network.id }]);
    expect(ports.length).toBe(1);
  });

  it('answers the same ports when it is called again, wherever the call lands', async () => {
    const { network } = await newNetwork('10.2.0.0/24');
    const uuid = newUuid();
    const wanted = [{ networkId: network.id, mac: newMac() }];
    const all = await Promise.all(Array.from({ length: 20 }, () => allocate(uuid, wanted).catch(toFailure)));
    const again = await allocate(uuid, wanted);
    const answers = all.filter((answer) => 'ports' in answer);
    expect(answers.length).toBeGreaterThan(0);
    for (const answer of answers) expect(answer).toEqual(again);
    // Who was in the way of another is told to ask again.
    for (const answer of all) if (!('ports' in answer)) expect(answer).toMatchObject({ disposition: 'retry' });
    expect((await (await client.store.bucket('address')).keys()).length).toBe(1);
  });

  it('moves the port to the host that asks', async () => {
    const { network } = await newNetwork('10.2.1.0/24');
    const uuid = newUuid();
    const wanted = [{ networkId: network.id, mac: newMac() }];
    const before = await allocate(uuid, wanted);
    await settled();
    expect(await allocate(uuid, wanted, { host: 'host2' })).toEqual(before);
    const ports = await client.store.bucket('port');
    expect((await ports.get(portIdOf(uuid, 0)))?.value.host).toBe('host2');
  });

  it('finishes what a crash left between lease and port', async () => {
    const { network, subnet } = await newNetwork('10.3.0.0/24');
    const uuid = newUuid();
    const leases = await client.store.bucket('address');
    const lease = { portId: portIdOf(uuid, 0), instanceUuid: uuid, leasedAt: Date.now() };
    await leases.create(`${subnet.id}.10.3.0.77`, lease);
    await settled();
    const { ports } = await allocate(uuid, [{ networkId: network.id }]);
    expect(ports[0]?.fixedIps[0]?.address).toBe('10.3.0.77');
    expect(await leases.keys()).toEqual([`${subnet.id}.10.3.0.77`]);
  });

  it('gives a fixed IP that is free, and refuses one that is not', async () => {
    const { network } = await newNetwork('10.4.0.0/24');
    const wanted = { networkId: network.id, fixedIp: '10.4.0.9' };
    const uuid = newUuid();
    const { ports } = await allocate(uuid, [wanted]);
    expect(ports[0]?.fixedIps[0]?.address).toBe('10.4.0.9');
    expect(await failureOf(allocate(newUuid(), [wanted]))).toMatchObject({ code: 'address_in_use' });
    await release(uuid);
    expect((await allocate(newUuid(), [wanted])).ports[0]?.fixedIps[0]?.address).toBe('10.4.0.9');
  });

  it.each([
    ['10.5.0.0', 'network address'],
    ['10.5.0.1', 'gateway'],
    ['10.5.0.255', 'broadcast'],
    ['10.6.0.4', 'in no subnet'],
  ])('refuses the fixed IP %s, and says why', async (fixedIp, why) => {
    const { network } = await newNetwork('10.5.0.0/24');
    const failure = await failureOf(allocate(newUuid(), [{ networkId: network.id, fixedIp }]));
    expect(failure).toMatchObject({ code: 'invalid_request', message: expect.stringContaining(why) });
    await expectNothingLeft();
  });

  it('refuses a network that is not there, or another project’s', async () => {
    const { network } = await newNetwork('10.7.0.0/24');
    const networks = await client.store.bucket('network');
    await networks.put(network.id, { ...network, projectId: 'theirs' });
    for (const networkId of [newUuid(), network.id]) {
      expect(await failureOf(allocate(newUuid(), [{ networkId }]))).toMatchObject({ code: 'not_found' });
    }
  });

  it('refuses a MAC that another instance’s port has', async () => {
    const { network } = await newNetwork('10.8.0.0/24');
    const mac = newMac();
    await allocate(newUuid(), [{ networkId: network.id, mac }]);
    await settled();
    const failure = await failureOf(allocate(newUuid(), [{ networkId: network.id, mac }]));
    expect(failure).toMatchObject({ code: 'address_in_use', details: { mac } });
    const twice = [
      { networkId: network.id, mac: 'fa:16:3e:ff:ff:ff' },
      { networkId: network.id, mac: 'fa:16:3e:ff:ff:ff' },
    ];
    expect(await failureOf(allocate(newUuid(), twice))).toMatchObject({ code: 'address_in_use' });
  });

  it('leaves an address to a lease that it cannot read', async () => {
    const { network, subnet } = await newNetwork('10.46.0.0/30');
    const leases = await client.store.bucket('address');
    const key = `${subnet.id}.10.46.0.2`;
    await (await rawBucket(client.bus, leases)).put(key, 'of a later release');
    await settled();
    const failure = await failureOf(allocate(newUuid(), [{ networkId: network.id }]));
    expect(failure).toMatchObject({ code: 'no_more_addresses' });
    expect((await (await rawBucket(client.bus, leases)).get(key))?.string()).toBe('of a later release');
  });

  it('gives a port in each requested network, or in none', async () => {
    const [wide, narrow] = [await newNetwork('10.9.0.0/24'), await newNetwork('10.10.0.0/30')];
    const both = [{ networkId: wide.network.id }, { networkId: narrow.network.id }];
    const uuid = newUuid();
    expect((await allocate(uuid, both)).ports.map(({ networkId }) => networkId)).toEqual([
      wide.network.id,
      narrow.network.id,
    ]);
    // The only address of the narrow one is gone.
    expect(await failureOf(allocate(newUuid(), both))).toMatchObject({ code: 'no_more_addresses' });
    expect((await (await client.store.bucket('address')).keys()).length).toBe(2);
    await release(uuid);
    await expectNothingLeft();
  });
});

describe('releasing', () => {
  it('is no failure for an instance that has nothing', async () => {
    const uuid = newUuid();
    expect(await release(uuid)).toEqual({});
    expect(await release(uuid)).toEqual({});
  });

  it('lets the instance have ports again', async () => {
    const { network } = await newNetwork('10.11.0.0/24');
    const uuid = newUuid();
    for (let round = 0; round < 10; round++) {
      const { ports } = await eventually(() => allocate(uuid, [{ networkId: network.id }]));
      expect(ports.length).toBe(1);
      await release(uuid);
      await expectNothingLeft();
    }
  });

  it('leaves nothing of an allocation that is under way', async () => {
    const { network } = await newNetwork('10.12.0.0/24');
    for (let round = 0; round < 30; round++) {
      const uuid = newUuid();
      await place(uuid, [{ networkId: network.id }]);
      await settled();
      const allocating = ask(uuid).catch(toFailure);
      await release(uuid);
      const outcome = await allocating;
      // Either the release came first, or it took the port, or the allocation was told to ask again.
      if (!('ports' in outcome)) expect(outcome).toMatchObject({ code: 'conflict', disposition: 'retry' });
      const port = await (await client.store.bucket('port')).get(portIdOf(uuid, 0));
      const leases = await (await client.store.bucket('address')).keys();
      expect(leases).toEqual(port?.value.fixedIps.map(({ subnetId, address }) => `${subnetId}.${address}`) ?? []);
      await release(uuid);
      await expectNothingLeft();
    }
  });
});

/** A refusal that says so is asked again, as the hosts do. */
async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (toFailure(error).disposition !== 'retry') throw error;
    }
  }
}

/** Resolves when the controllers have seen what was written so far. */
async function settled(): Promise<void> {
  for (const kind of ['port', 'address', 'instance', 'network', 'subnet'] as const) {
    for (const { store } of servers) await (await store.view(kind)).caughtUp();
  }
}

const notThere = (uuid: string, host: string) => ({
  code: 'conflict',
  disposition: 'abort',
  details: { uuid, host },
});

describe('a host', () => {
  it('is given no ports of an instance that is not on it, and takes none back', async () => {
    const { network } = await newNetwork('10.45.0.0/24');
    const wanted = [{ networkId: network.id, mac: newMac() }];
    const uuid = newUuid();
    await allocate(uuid, wanted, { host: 'own er', attempt: 1 });
    for (const other of ['stranger', 'own', 'er', '*', '=b3duIGVy']) {
      expect(await failureOf(ask(uuid, { host: other }))).toMatchObject(notThere(uuid, other));
      expect(await failureOf(release(uuid, 1, other))).toMatchObject(notThere(uuid, other));
    }
    expect(await failureOf(ask(uuid, { host: 'own er', attempt: 7 }))).toMatchObject(notThere(uuid, 'own er'));
    const nobodys = newUuid();
    expect(await failureOf(ask(nobodys))).toMatchObject(notThere(nobodys, 'host1'));
    expect((await (await client.store.bucket('port')).keys()).length).toBe(1);
    await release(uuid, 1, 'own er');
    await expectNothingLeft();
  });
});

describe('an instance that gives back what it has', () => {
  it.each(['deleted', 'reclaiming', { releasing: 'releasingClaim' }, { failed: 'releasing' }, { failed: 'spawning' }])(
    'is given nothing any more when it is %o, and still gives back',
    async (state) => {
      const { network } = await newNetwork('10.47.0.0/24');
      const uuid = newUuid();
      const networks = [{ networkId: network.id, mac: newMac() }];
      await place(uuid, networks, { state });
      // Its host was told too late, or its call has been under way for so long.
      expect(await failureOf(ask(uuid))).toMatchObject({ code: 'conflict', disposition: 'abort', details: { uuid } });
      await expectNothingLeft();
      await allocate(uuid, networks);
      await place(uuid, networks, { state });
      await release(uuid, 1, 'host1');
      await expectNothingLeft();
    },
  );
});

describe('an attempt that is over', () => {
  it('takes nothing back of a later one’s, and is given nothing', async () => {
    const { network } = await newNetwork('10.44.0.0/24');
    const uuid = newUuid();
    const wanted = [{ networkId: network.id, mac: newMac() }];
    const first = await allocate(uuid, wanted, { host: 'slow' });
    const second = await allocate(uuid, wanted, { host: 'other', attempt: 2 });
    expect(second).toEqual(first);

    // The host of the first was paused meanwhile, and goes on.
    expect(await failureOf(ask(uuid, { host: 'slow' }))).toMatchObject(notThere(uuid, 'slow'));
    expect(await failureOf(release(uuid, 1, 'slow'))).toMatchObject(notThere(uuid, 'slow'));
    expect(await failureOf(ask(uuid, { host: 'other' }))).toMatchObject(notThere(uuid, 'other'));
    await release(uuid, 1);
    // Also when it asked before the instance was another's.
    expect(await failureOf(allocate(uuid, wanted, { host: 'slow', attempt: 1 }))).toMatchObject({
      code: 'conflict',
      disposition: 'abort',
      details: { attempt: 1, later: 2 },
    });
    const ports = await client.store.bucket('port');
    expect((await ports.get(first.ports[0]?.id ?? ''))?.value).toMatchObject({ host: 'other', attempt: 2 });
    await release(uuid, 2);
    expect(await ports.get(first.ports[0]?.id ?? '')).toBeUndefined();
  });
});
