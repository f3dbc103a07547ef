import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApiServer } from '../../actors/api/api-server.ts';
import { commandedRecord } from '../../actors/compute/host-chart.ts';
import { commandHost } from '../../actors/controller/command-host.ts';
import { startController } from '../../actors/controller/controller.ts';
import { standardPulse } from '../../actors/runtime/pulse.ts';
import type { Part } from '../../actors/runtime/runtime.ts';
import type { HostView } from '../../transport/messages/api/host.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { computeCalls, facts } from '../../transport/messages/internal.ts';
import type { Host, HostCommand } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { serve } from '../../transport/nats/call.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { encodeToken, subjects } from '../../transport/nats/subjects.ts';
import { newHost } from '../support/records.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { pagesOf } from './pages.ts';

let cloud: TestCloud;
const extra: Part[] = [];
beforeAll(async () => {
  cloud = await startTestCloud({
    hosts: [{ name: 'host1' }, { name: 'host2' }, { name: 'host.3', zone: 'east' }],
    // A process that starts in place of another watches it for a beat and a half.
    pulse: { ...standardPulse, beatEveryMs: 1_000 },
  });
  // As two of each would be in production: whatever one is told, the other may be asked.
  extra.push(await startController(await cloud.connect()), await startApiServer(await cloud.connect()));
});
afterAll(async () => {
  for (const part of extra.toReversed()) await part.stop();
  await cloud.stop();
});

const enable = async (host: string) => (await cloud.client.ask(api.host.enable, { host })).host;
const disable = async (host: string, reason = 'a test') =>
  (await cloud.client.ask(api.host.disable, { host, reason })).host;
const get = async (host: string) => (await cloud.client.ask(api.host.get, { host })).host;
const list = async (query: Parameters<typeof api.host.list.request.encode>[0] = {}) =>
  (await cloud.client.ask(api.host.list, query)).hosts.map(({ name }) => name);

const untilHost = (host: string, is: (view: HostView) => boolean) =>
  eventually(async () => {
    const view = await get(host);
    return is(view) ? view : undefined;
  });

/** The other of the two API servers may see it a moment later. */
const untilThere = (host: string) => eventually(() => get(host).catch(() => undefined));

const settled = ({ state }: InstanceView) => state === 'running' || state.startsWith('failed');

/** What the cloud tells of the host from now on. */
async function factsOf(host: string) {
  const told: ReturnType<typeof facts.host.body.decode>[] = [];
  const { connection } = cloud.runtime.bus.nats;
  const subscription = connection.subscribe(subjects.hostFact(host), {
    callback: (_, message) => void told.push(facts.host.body.decode(message.data)),
  });
  await connection.flush();
  return { told, stop: () => subscription.unsubscribe() };
}

describe('hosts', () => {
  it('are listed by name, one after the other, and those alone that are asked for', async () => {
    expect(await list()).toEqual(['host.3', 'host1', 'host2']);
    expect(await list({ availabilityZone: 'east' })).toEqual(['host.3']);
    expect(await list({ limit: 2 })).toEqual(['host.3', 'host1']);
    expect(await list({ limit: 2, marker: 'host1' })).toEqual(['host2']);
    expect(await list({ marker: 'host2' })).toEqual([]);
    await disable('host1');
    expect(await list({ service: 'disabled' })).toEqual(['host1']);
    expect(await list({ service: 'enabled', availabilityZone: 'nova' })).toEqual(['host2']);
    await enable('host1');
  });

  it('are found by name, and missed with the field that names them', async () => {
    expect(await get('host.3')).toMatchObject({
      name: 'host.3',
      availabilityZone: 'east',
      service: 'enabled',
      isAlive: true,
      aggregates: [],
    });
    const missed = (field: string) => ({ failure: { code: 'not_found', details: { field } } });
    await expect(get('host4')).rejects.toMatchObject(missed('/host'));
    await expect(disable('host4')).rejects.toMatchObject(missed('/host'));
    await expect(enable('host4')).rejects.toMatchObject(missed('/host'));
    await expect(list({ marker: 'host4' })).rejects.toMatchObject(missed('/marker'));
  });

  it('are for administrators', async () => {
    const member = await cloud.createUser('hosts');
    await expect(member.ask(api.host.get, { host: 'host1' })).rejects.toMatchObject({ failure: { code: 'forbidden' } });
    await expect(member.ask(api.host.disable, { host: 'host1', reason: 'no' })).rejects.toMatchObject({
      failure: { code: 'forbidden' },
    });
  });
});

describe('a host that is disabled', () => {
  it('shows why, until it is enabled, whichever server is asked', async () => {
    for (let round = 0; round < 8; round++) {
      expect(await disable('host1', `reason ${round}`)).toMatchObject({
        service: 'disabled',
        disabledReason: `reason ${round}`,
        isAlive: true,
        hypervisorState: 'up',
      });
      expect(await get('host1')).toMatchObject({ service: 'disabled', disabledReason: `reason ${round}` });
    }
    const { host } = await cloud.client.ask(api.host.drain, { host: 'host1', reason: 'it is sold' });
    expect(host).toMatchObject({ service: 'draining', disabledReason: 'it is sold' });
    const enabled = await enable('host1');
    expect(enabled.service).toBe('enabled');
    expect(enabled).not.toHaveProperty('disabledReason');
  });

  it('gets no new instances, and those that are there go on', async () => {
    const { uuid } = await cloud.create({ availabilityZone: 'east' });
    await cloud.until(uuid, settled);
    await disable('host1');
    for (let round = 0; round < 4; round++) {
      const created = await cloud.create({ availabilityZone: 'nova' });
      expect(await cloud.until(created.uuid, settled)).toMatchObject({ state: 'running', host: 'host2' });
    }
    await cloud.client.ask(api.host.drain, { host: 'host.3', reason: 'a test' });
    const refused = await cloud.create({ availabilityZone: 'east' });
    expect(await cloud.until(refused.uuid, settled)).toMatchObject({ fault: { code: 'no_valid_host' } });
    await cloud.client.ask(api.instance.stop, { uuid });
    expect(await cloud.until(uuid, ({ state }) => state === 'stopped')).toMatchObject({ host: 'host.3' });
    await Promise.all([enable('host1'), enable('host.3')]);
  });

  it('tells of each command once, with its reason', async () => {
    const { told, stop } = await factsOf('host2');
    await disable('host2', 'first');
    await disable('host2', 'second');
    await enable('host2');
    await eventually(() => told[2]);
    expect(told).toMatchObject([
      { type: 'command', command: 'disable', host: 'host2', to: 'up disabled', reason: 'first' },
      { type: 'command', command: 'disable', to: 'up disabled', reason: 'second' },
      { type: 'command', command: 'enable', to: 'up enabled' },
    ]);
    stop();
  });

  it('is what the last of many commands made it, also when all come at once', async () => {
    await Promise.all(Array.from({ length: 12 }, (_, index) => (index % 2 ? enable('host1') : disable('host1'))));
    expect((await disable('host1', 'last')).disabledReason).toBe('last');
    expect(await get('host1')).toMatchObject({ service: 'disabled', disabledReason: 'last' });
    await enable('host1');
    expect(await untilHost('host1', ({ service }) => service === 'enabled')).toMatchObject({ isAlive: true });
  });
});

describe('a host that nobody runs', () => {
  it('is disabled in its record, tells of it, and stays so when it comes back', async () => {
    const part = await cloud.addHost({ name: 'stopped', zone: 'stopped' });
    await part.stop();
    const before = await get('stopped');
    const { told, stop } = await factsOf('stopped');
    const host = await disable('stopped', 'its fan is loud');
    expect(host).toMatchObject({ service: 'disabled', disabledReason: 'its fan is loud', hypervisorState: 'stopped' });
    expect(host.heartbeatAt).toBe(before.heartbeatAt);
    await eventually(() => told[0]);
    expect(told).toMatchObject([{ type: 'command', to: 'stopped disabled', reason: 'its fan is loud' }]);
    stop();

    await cloud.addHost({ name: 'stopped', zone: 'stopped' });
    expect(await get('stopped')).toMatchObject({
      service: 'disabled',
      disabledReason: 'its fan is loud',
      isAlive: true,
    });
    const refused = await cloud.create({ availabilityZone: 'stopped' });
    expect(await cloud.until(refused.uuid, settled)).toMatchObject({ fault: { code: 'no_valid_host' } });
    await enable('stopped');
    const { uuid } = await cloud.create({ availabilityZone: 'stopped' });
    expect(await cloud.until(uuid, settled)).toMatchObject({ state: 'running', host: 'stopped' });
  });

  it('stays disabled over a restart of its process, and is enabled while it is stopped', async () => {
    const first = await cloud.addHost({ name: 'restarted' });
    await disable('restarted', 'before');
    await first.stop();
    expect(await get('restarted')).toMatchObject({ service: 'disabled', disabledReason: 'before' });
    const second = await cloud.addHost({ name: 'restarted' });
    expect(await get('restarted')).toMatchObject({ service: 'disabled', disabledReason: 'before', isAlive: true });
    await second.stop();
    await enable('restarted');
    await cloud.addHost({ name: 'restarted' });
    expect((await get('restarted')).service).toBe('enabled');
    await disable('restarted');
  });

  it('has a history of all that it went through, in pages, for administrators only', async () => {
    const query = { host: 'remembered' };
    const history = async (page: object = {}) => (await cloud.client.ask(api.host.facts, { ...query, ...page })).facts;
    const missed = { failure: { code: 'not_found', details: { field: '/host' } } };
    await expect(history()).rejects.toMatchObject(missed);

    const first = await cloud.addHost({ name: 'remembered' });
    await untilThere('remembered');
    await disable('remembered', 'its fan is loud');
    await enable('remembered');
    await first.stop();
    const second = await cloud.addHost({ name: 'remembered' });
    const all = await eventually(async () => {
      const told = await history();
      return told.length >= 10 ? told : undefined;
    });
    const begun = ['connecting enabled', 'reconciling enabled', 'up enabled'];
    expect(all.map(({ fact: { command, to } }) => command ?? to)).toEqual([
      'stopped enabled',
      ...begun,
      'disable',
      'enable',
      'stopped enabled',
      ...begun,
    ]);
    expect(all[4]?.fact).toMatchObject({ type: 'command', to: 'up disabled', reason: 'its fan is loud' });
    expect((await pagesOf(3, 'sequence', history)).flat()).toEqual(all);

    const member = await cloud.createUser('history', ['member']);
    await expect(member.ask(api.host.facts, query)).rejects.toMatchObject({ failure: { code: 'forbidden' } });

    await second.stop();
    await cloud.client.ask(api.host.delete, query);
    const { sequence: marker } = await eventually(async () =>
      (await history()).find(({ fact }) => fact.command === 'delete'),
    );
    await eventually(() =>
      get('remembered').then(
        () => undefined,
        () => true,
      ),
    );
    expect(await history({ marker })).toEqual([]);
    expect((await pagesOf(3, 'sequence', history)).flat().slice(0, all.length)).toEqual(all);
  });

  it('is disabled after its process was killed, looks no more alive by that, and comes back disabled', async () => {
    const bucket = await cloud.runtime.store.bucket('host');
    // All that a killed process leaves: a record that says it is up.
    await cloud.write('host', 'killed', newHost('killed'));
    const before = await untilThere('killed');
    const disabling = Array.from({ length: 4 }, (_, index) => disable('killed', `reason ${index}`));
    for (const host of await Promise.all(disabling)) {
      expect(host).toMatchObject({ service: 'disabled', heartbeatAt: before.heartbeatAt });
    }
    // The new process watches for a while whether the old one lives: who commands it meanwhile is not taken for that.
    const { told, stop } = await factsOf('killed');
    const adding = cloud.addHost({ name: 'killed' });
    await disable('killed', 'while it starts');
    await adding;
    const isBack = ({ hypervisorState, isAlive }: HostView) => isAlive && hypervisorState === 'up';
    expect(await untilHost('killed', isBack)).toMatchObject({ service: 'disabled', disabledReason: 'while it starts' });
    expect((await bucket.get('killed'))?.value.commandedMeanwhile).toBeUndefined();
    // It tells what nobody has: that the process before had ended.
    expect(told.find(({ type }) => type === 'transition')?.to).toBe('stopped disabled');
    stop();
  });
});

describe('a host that runs', () => {
  it('takes over what was written while it was not heard, and keeps its lease', async () => {
    const before = await writeUnheard('host1', { type: 'host.drain', reason: 'not heard', at: Date.now() });
    const isRenewed = ({ heartbeatAt }: HostView) => Date.parse(heartbeatAt) > before.heartbeatAt;
    expect(await untilHost('host1', isRenewed)).toMatchObject({
      service: 'draining',
      disabledReason: 'not heard',
    });
    const entry = await (await cloud.runtime.store.bucket('host')).get('host1');
    expect(entry?.value.incarnation).toBe(before.incarnation);
    expect((await enable('host1')).service).toBe('enabled');
    const { uuid } = await cloud.create();
    await cloud.until(uuid, ({ state }) => state === 'running');
  });

  it('does what it hears rather than what was written before', async () => {
    await writeUnheard('host1', { type: 'host.disable', reason: 'not heard', at: Date.now() });
    expect((await enable('host1')).service).toBe('enabled');
    expect(await get('host1')).toMatchObject({ service: 'enabled' });
  });

  it('is asked once more by a controller that did not reach it, when it has shown itself since then', async () => {
    const { bus, store } = cloud.runtime;
    const hosts = await store.bucket('host');
    const asked: string[] = [];
    const request: Bus['request'] = async (subject, ...more) => {
      asked.push(subject);
      if (asked.length > 1) return bus.request(subject, ...more);
      await disable('host2', 'heard');
      return bus.request('nobody.listens', ...more);
    };
    const revision = await commandHost(
      { bus: { ...bus, request }, hosts },
      'host2',
      { type: 'host.enable', at: Date.now() },
      newContext(),
    );
    expect(asked).toHaveLength(2);
    const { revision: stored, value } = (await hosts.get('host2')) ?? {};
    expect(stored).toBe(revision);
    // Written by the process itself.
    expect(value).toMatchObject({ service: 'enabled', hypervisorState: 'up' });
    expect(value?.commandedMeanwhile).toBeUndefined();
  });

  it('and does not answer leaves the outcome unknown, and says that it may be asked again', async () => {
    await (await cloud.runtime.store.bucket('host')).put(encodeToken('mute'), newHost('mute'));
    const kind = computeCalls.commandHost;
    const stop = serve(cloud.runtime.bus, subjects.computeCall('mute', kind.name), kind, () => new Promise(() => {}));
    await expect(disable('mute')).rejects.toMatchObject({
      failure: { code: 'timeout', disposition: 'retry', message: expect.stringContaining('mute') },
    });
    expect((await get('mute')).service).toBe('enabled');
    void stop();
  });
});

/** What a controller does that cannot reach the host’s process; resolves with the record as it was. */
async function writeUnheard(host: string, command: HostCommand): Promise<Host> {
  const bucket = await cloud.runtime.store.bucket('host');
  for (;;) {
    const entry = await bucket.get(host);
    if (!entry) throw new Error(`there is no host ${host}`);
    const written = await bucket.update(host, commandedRecord(entry.value, command), entry.revision);
    if (written !== conflict) return entry.value;
  }
}
