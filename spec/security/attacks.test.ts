/** What each user of the bus tries that is none of its business; nats-server refuses it. */

import { join } from 'node:path';
import { headers, nkeys } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Role, startCloud } from '../../actors/cloud/cloud.ts';
import { ensureFirstRecords } from '../../actors/cloud/first-records.ts';
import { ensureFirstAdmin } from '../../actors/identity/first-admin.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import { createRuntime } from '../../actors/runtime/runtime.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import { api } from '../../transport/messages/api.ts';
import { buckets } from '../../transport/messages/records.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { connectionAs, seedOf } from '../../transport/nats/credentials.ts';
import { any, consumers, streams, subjects } from '../../transport/nats/subjects.ts';
import { type SecuredNats, startSecuredNats } from '../support/secured-nats.ts';
import { eventually } from '../support/test-cloud.ts';

const roles: Role[] = ['controller', 'network', 'scheduler', 'api'];
const uuid = '00000000-0000-4000-8000-000000000000';
let nats: SecuredNats;
/** Who may do everything that the parts do, and looks whether an attack came to something. */
let up: Bus;
let token: string;
let stop: () => Promise<void>;

beforeAll(async () => {
  nats = await startSecuredNats();
  up = await nats.connectPart('up');
  const runtime = await createRuntime({
    bus: up,
    clock: systemClock,
    chance: systemChance,
    logger: createLogger('fatal'),
  });
  ({ token } = await ensureFirstAdmin(runtime, join(nats.folder, 'admin-token')));
  await ensureFirstRecords(runtime, undefined);
  const cloud = await startCloud(runtime, { roles });
  stop = async () => {
    await cloud.stop();
    await runtime.store.close();
  };
});

afterAll(async () => {
  await stop?.();
  await nats?.stop();
});

/** The server tells of what it refuses when it has refused it. */
async function expectRefused(bus: Bus, name: string, attempt: Attempt): Promise<void> {
  const before = nats.refusals.length;
  await make(bus, attempt);
  await eventually(() => nats.refusals.length > before || undefined);
  expect(nats.refusals.slice(before)).toEqual([`${name} ${attempt.operation} ${attempt.subject}`]);
}

/** Resolves when the server has taken or refused it. */
async function make({ nats: { connection } }: Bus, { operation, subject, payload }: Attempt): Promise<void> {
  if (operation === 'publish') connection.publish(subject, payload);
  else connection.subscribe(subject, { callback: () => {} });
  await connection.flush();
}

const publish = (subject: string, payload = '{}') => ({ operation: 'publish', subject, payload });
const subscribe = (subject: string) => ({ operation: 'subscribe', subject, payload: '' });
type Attempt = ReturnType<typeof publish>;

const forwardedSignIn = subjects.forwarded(api.session.create.resource, api.session.create.verb);
const victim = nkeys.createUser().getPublicKey();
const jetStream = [
  publish('$JS.API.INFO'),
  publish('$JS.API.STREAM.NAMES'),
  publish(`$JS.API.STREAM.INFO.${streams.facts.name}`),
  publish(`$JS.API.STREAM.DELETE.${streams.facts.name}`),
  publish(`$JS.API.STREAM.PURGE.${streams.casts.name}`),
  publish(`$JS.API.STREAM.MSG.GET.KV_${buckets.token.name}`),
  publish(`$JS.API.DIRECT.GET.KV_${buckets.token.name}.${subjects.record(buckets.token.name, 'x')}`),
  publish(`$JS.API.CONSUMER.CREATE.${streams.facts.name}`),
  publish(`$JS.API.CONSUMER.CREATE.${streams.facts.name}.mine.${subjects.instanceFacts('other')}`),
  publish(`$JS.API.CONSUMER.DURABLE.CREATE.${streams.casts.name}.mine`),
  publish(`$JS.ACK.${streams.casts.name}.scheduler.1.1.1.1.1`),
];
const server = [publish('$SYS.REQ.SERVER.PING'), publish('$SYS.REQ.CLAIMS.UPDATE'), subscribe('$SYS.>')];

describe('a tenant', () => {
  let tenant: Bus;
  beforeAll(async () => {
    tenant = await nats.connect(nats.clientCredentials('shop'), 'tenant');
  });

  it.each<[string, Attempt[]]>([
    [
      'cast to a host or the scheduler',
      [publish(subjects.computeCast('alpha', 'run_instance')), publish(subjects.schedulerCast('run_instance'))],
    ],
    [
      'call a part',
      [
        publish(subjects.controllerCall('token', 'create')),
        publish(subjects.computeCall('alpha', 'console_log')),
        publish(subjects.networkCall('release_for_instance')),
      ],
    ],
    ['ask as a web server does', [publish(forwardedSignIn), subscribe(forwardedSignIn)]],
    [
      'listen to what others ask',
      [
        subscribe(subjects.apis()),
        subscribe(subjects.api('instance', 'create')),
        subscribe('cloud.>'),
        subscribe('>'),
        subscribe(subjects.controllerCall('token', 'create')),
      ],
    ],
    [
      'read the facts of another project, or of hosts',
      [
        subscribe(subjects.instanceFacts('other')),
        subscribe(subjects.instanceFacts()),
        subscribe(subjects.facts()),
        subscribe(subjects.hostFacts()),
      ],
    ],
    [
      'tell facts, also of its own project',
      [publish(subjects.instanceFact('shop', uuid)), publish(subjects.hostFact('alpha'))],
    ],
    [
      'write or watch records',
      Object.values(buckets).flatMap(({ name }) => [
        publish(subjects.record(name, 'x')),
        subscribe(subjects.records(name)),
      ]),
    ],
    [
      'hear or answer in the name of others',
      [
        subscribe('_INBOX.>'),
        subscribe(`_INBOX.${victim}.>`),
        publish(`_INBOX.${victim}.x`),
        subscribe('cloud.inbox.>'),
        publish('cloud.inbox.api.x'),
      ],
    ],
    ['pretend to be an API server to those who look for one', [subscribe('$SRV.PING'), publish('$SRV.PING')]],
    [
      'watch machines, or tell of any',
      [
        publish(subjects.inspectionWatch()),
        subscribe(subjects.inspectionFrame(any, any)),
        publish(subjects.inspectionFrame('controller', '1f2e3d4c')),
      ],
    ],
    ['use JetStream', jetStream],
    ['speak to the server', server],
    [
      'write images',
      [publish(subjects.imageChunk('x', 'disk', 0)), publish('$O.cloud_images.C.x'), subscribe('$O.cloud_images.>')],
    ],
  ])('may not %s', async (_, attempts) => {
    for (const attempt of attempts) await expectRefused(tenant, 'tenant', attempt);
  });

  it('hears what happens in its project, and nothing of another', async () => {
    const told: string[] = [];
    tenant.subscribe(subjects.instanceFacts('shop'), ({ subject }) => told.push(subject));
    await tenant.nats.connection.flush();
    up.send(subjects.instanceFact('other', uuid), '{}');
    up.send(subjects.instanceFact('shop', uuid), '{}');
    await eventually(() => (told.length > 0 ? true : undefined));
    expect(told).toEqual([subjects.instanceFact('shop', uuid)]);
  });

  it('is told at once that it may not, where it waits for an answer', async () => {
    const asked = tenant.request(subjects.controllerCall('token', 'create'), '{}', { timeoutMs: 60_000 });
    await expect(asked).rejects.toMatchObject({ failure: { code: 'forbidden' } });
  });

  it.each([
    ['a record', subjects.record(buckets.user.name, 'admin')],
    ['a call', subjects.controllerCall('token', 'create')],
    ['a cast', subjects.computeCast('alpha', 'run_instance')],
    ['a fact', subjects.instanceFact('other', uuid)],
    ['the answer to a part', 'cloud.inbox.up.x'],
    ['a request to JetStream', `$JS.API.STREAM.DELETE.${streams.facts.name}`],
  ])('cannot have its answer delivered as %s', async (_, reply) => {
    const users = await up.openKeyValues(buckets.user.name, { history: 1 });
    const before = await users.latest('admin');
    const heard: string[] = [];
    const listening = up.subscribe(reply.startsWith('$') ? 'cloud.nothing' : reply, ({ subject }) =>
      heard.push(subject),
    );
    await up.nats.connection.flush();
    const carried = headers();
    carried.set('Authorization', `Bearer ${token}`);
    tenant.send(subjects.api('flavor', 'list'), '{}', { reply, headers: carried });
    // Whoever is asked after it is answered after it.
    expect((await new ApiClient(tenant, token).ask(api.flavor.list, {})).flavors.length).toBeGreaterThan(0);
    await up.nats.connection.flush();
    listening.unsubscribe();
    expect(heard).toEqual([]);
    expect(await users.latest('admin')).toEqual(before);
    expect((await up.nats.manager.streams.info(streams.facts.name)).config.name).toBe(streams.facts.name);
  });
});

describe('an administrator’s client', () => {
  it('hears all facts, and may write no more than a tenant', async () => {
    const administrator = await nats.connect(nats.clientCredentials('admin', { roles: ['admin'] }), 'administrator');
    const told: string[] = [];
    administrator.subscribe(subjects.facts(), ({ subject }) => told.push(subject));
    await administrator.nats.connection.flush();
    up.send(subjects.hostFact('alpha'), '{}');
    await eventually(() => told.length > 0 || undefined);
    expect(told).toEqual([subjects.hostFact('alpha')]);
    const attempts = [
      publish(subjects.record(buckets.token.name, 'x')),
      publish(subjects.hostFact('alpha')),
      publish(forwardedSignIn),
      subscribe('_INBOX.>'),
      ...jetStream,
      ...server,
    ];
    for (const attempt of attempts) await expectRefused(administrator, 'administrator', attempt);
  });
});

describe('a compute host', () => {
  let host: Bus;
  beforeAll(async () => {
    host = await nats.connectPart('compute', 'beta');
  });

  it.each<[string, Attempt[]]>([
    ['write the record of another host', [publish(subjects.record(buckets.host.name, 'alpha'))]],
    [
      'cast to another host, itself, or the scheduler',
      [
        publish(subjects.computeCast('alpha', 'run_instance')),
        publish(subjects.computeCast('beta', 'run_instance')),
        publish(subjects.schedulerCast('run_instance')),
      ],
    ],
    [
      'take the casts of another host',
      [
        publish(
          `$JS.API.CONSUMER.CREATE.${streams.casts.name}.${consumers.compute('beta')}.${subjects.computeCasts('alpha')}`,
        ),
        publish(`$JS.API.CONSUMER.CREATE.${streams.casts.name}`),
        publish(`$JS.API.CONSUMER.DURABLE.CREATE.${streams.casts.name}.${consumers.compute('beta')}`),
        publish(`$JS.API.CONSUMER.MSG.NEXT.${streams.casts.name}.${consumers.compute('alpha')}`),
        subscribe(subjects.computeCasts('alpha')),
      ],
    ],
    [
      'answer for another host, a controller, or a network controller',
      [
        subscribe(subjects.computeCall('alpha', 'console_log')),
        subscribe(subjects.controllerCall('token', 'create')),
        subscribe(subjects.hostCall('controller', any, 'find_payload')),
        subscribe(subjects.hostCall('network', any, 'allocate_for_instance')),
        subscribe(subjects.hostCall('network', 'alpha', 'release_for_instance')),
      ],
    ],
    [
      'command or ask like a controller',
      [
        publish(subjects.computeCall('alpha', 'command_host')),
        publish(subjects.controllerCall('token', 'create')),
        publish(subjects.networkCall('release_for_instance')),
        publish(forwardedSignIn),
      ],
    ],
    [
      'watch the machines of others, or tell of them',
      [
        publish(subjects.inspectionWatch()),
        subscribe(subjects.inspectionFrame(any, any)),
        publish(subjects.inspectionFrame(consumers.compute('alpha'), '1f2e3d4c')),
        publish(subjects.inspectionFrame('controller', '1f2e3d4c')),
      ],
    ],
    [
      'ask in the name of another host',
      [
        publish(subjects.hostCall('controller', 'alpha', 'find_payload')),
        publish(subjects.hostCall('controller', 'alpha', 'store_instance')),
        publish(subjects.hostCall('network', 'alpha', 'allocate_for_instance')),
        publish(subjects.hostCall('network', 'alpha', 'release_for_instance')),
      ],
    ],
    [
      'write what is not its own',
      (['instance', 'token', 'user', 'project', 'port', 'address', 'flavor', 'quota', 'image', 'payload'] as const).map(
        (bucket) => publish(subjects.record(buckets[bucket].name, 'x')),
      ),
    ],
    [
      'read who the users are, their keys, and what is to be put on instances',
      (['token', 'user', 'keyPair', 'payload'] as const).flatMap((bucket) => [
        publish(`$JS.API.STREAM.MSG.GET.KV_${buckets[bucket].name}`),
        publish(`$JS.API.DIRECT.GET.KV_${buckets[bucket].name}.x`),
        publish(`$JS.API.CONSUMER.CREATE.KV_${buckets[bucket].name}.mine.>`),
        publish(`$JS.API.STREAM.INFO.KV_${buckets[bucket].name}`),
      ]),
    ],
    [
      'have a record given to whom it says',
      (['instance', 'host', 'image', 'deadLetter'] as const).flatMap((bucket) => [
        publish(`$JS.API.CONSUMER.MSG.NEXT.KV_${buckets[bucket].name}.mine`),
        publish(`$JS.API.CONSUMER.DURABLE.CREATE.KV_${buckets[bucket].name}.mine`),
        publish(`$JS.API.DIRECT.GET.KV_${buckets[bucket].name}`),
        publish(`$JS.API.DIRECT.GET.KV_${buckets[bucket].name}.${subjects.record(buckets[bucket].name, 'x')}`),
      ]),
    ],
    [
      'delete or empty streams',
      [
        publish(`$JS.API.STREAM.DELETE.KV_${buckets.instance.name}`),
        publish(`$JS.API.STREAM.PURGE.KV_${buckets.instance.name}`),
        publish(`$JS.API.STREAM.UPDATE.${streams.casts.name}`),
      ],
    ],
    [
      'hear the answers to others',
      [subscribe('cloud.inbox.>'), subscribe('cloud.inbox.controller.>'), subscribe('_INBOX.>')],
    ],
    ['answer clients', [publish(`_INBOX.${victim}.x`)]],
    [
      'write the dead letters of another',
      [
        publish(subjects.record(buckets.deadLetter.name, `${consumers.compute('alpha')}.1-1`)),
        publish(subjects.record(buckets.deadLetter.name, `${consumers.scheduler()}.1-1`)),
      ],
    ],
    [
      'tell facts of another host, or of instances, or raise the alarms of others',
      [
        publish(subjects.hostFact('alpha')),
        publish(subjects.instanceFact('shop', uuid)),
        publish(subjects.alarm('store-full')),
      ],
    ],
    ['replace the images', [publish('$O.cloud_images.C.x'), publish('$O.cloud_images.M.x')]],
    ['speak to the server', server],
  ])('may not %s', async (_, attempts) => {
    for (const attempt of attempts) await expectRefused(host, 'beta', attempt);
  });
});

describe('the other parts', () => {
  it.each<['api' | 'scheduler' | 'network' | 'controller' | 'web', Attempt[]]>([
    [
      'scheduler',
      [
        ...['port', 'address', 'token', 'user', 'host'].map((bucket) =>
          publish(subjects.record(`cloud_${bucket}`, 'x')),
        ),
        publish(`$JS.API.DIRECT.GET.KV_${buckets.keyPair.name}.x`),
        subscribe(subjects.controllerCall('token', 'create')),
        publish(`$JS.API.STREAM.DELETE.${streams.casts.name}`),
      ],
    ],
    [
      'network',
      [
        ...['instance', 'token', 'user', 'host'].map((bucket) => publish(subjects.record(`cloud_${bucket}`, 'x'))),
        publish(subjects.computeCast('alpha', 'run_instance')),
        subscribe(subjects.apis()),
      ],
    ],
    [
      'api',
      [
        ...Object.values(buckets).map(({ name }) => publish(subjects.record(name, 'x'))),
        publish(subjects.computeCast('alpha', 'run_instance')),
        publish(subjects.instanceFact('shop', uuid)),
        publish(forwardedSignIn),
        publish('cloud.inbox.controller.x'),
        publish(`$JS.API.STREAM.DELETE.${streams.casts.name}`),
      ],
    ],
    [
      'controller',
      [
        publish(subjects.record(buckets.port.name, 'x')),
        publish(subjects.record(buckets.address.name, 'x')),
        subscribe(subjects.apis()),
        publish(`$JS.API.STREAM.DELETE.${streams.casts.name}`),
        ...server,
      ],
    ],
    [
      'web',
      [
        ...Object.values(buckets).flatMap(({ name }) => [
          publish(subjects.record(name, 'x')),
          publish(`$JS.API.STREAM.MSG.GET.KV_${name}`),
          publish(`$JS.API.CONSUMER.CREATE.KV_${name}.mine.>`),
        ]),
        publish(subjects.controllerCall('token', 'create')),
        publish(subjects.computeCast('alpha', 'run_instance')),
        publish(subjects.instanceFact('shop', uuid)),
        publish(`$JS.API.STREAM.DELETE.${streams.facts.name}`),
        subscribe(subjects.apis()),
        subscribe(forwardedSignIn),
        subscribe('_INBOX.>'),
        subscribe(`_INBOX.${victim}.>`),
        publish(`_INBOX.${victim}.x`),
        subscribe('cloud.inbox.>'),
        ...server,
      ],
    ],
  ])('%s may not do what others do', async (role, attempts) => {
    const bus = await nats.connectPart(role);
    for (const attempt of attempts) await expectRefused(bus, role, attempt);
  });

  it.each([
    ['scheduler', undefined, 'dead-letter'],
    ['compute', 'beta', 'dead-letter'],
    ['network', undefined, 'address-lost'],
    ['controller', undefined, 'store-full'],
  ] as const)('%s may raise its alarms', async (role, host, kind) => {
    const bus = await nats.connectPart(role, host);
    const before = nats.refusals.length;
    await make(bus, publish(subjects.alarm(kind)));
    // The server answers in order: were the first refused, too, there would be two.
    await expectRefused(bus, host ?? role, publish('$SYS.REQ.SERVER.PING'));
    expect(nats.refusals).toHaveLength(before + 1);
  });
});

describe('nobody', () => {
  const connect = (connection: object) =>
    connectBus({ url: nats.url, name: 'nobody', connection, usesJetStream: false });

  it('is let in without credentials, with another’s JWT, or with one that nobody vouches for', async () => {
    const { jwt } = nats.clientCredentials('shop');
    await expect(connect({})).rejects.toThrow(/Authorization Violation/);
    await expect(connect(connectionAs({ jwt, seed: seedOf(nkeys.createUser()) }))).rejects.toThrow(/Authorization/);
    const forged = jwt.split('.').toSpliced(2, 1, Buffer.alloc(64).toString('base64url')).join('.');
    await expect(connect(connectionAs({ jwt: forged, seed: nats.clientCredentials('shop').seed }))).rejects.toThrow();
  });

  it('stays when the JWT ends, nor comes with one that has ended', async () => {
    const credentials = nats.clientCredentials('shop', { expiresAt: Date.now() + 2000 });
    const {
      nats: { connection },
    } = await connect({ ...connectionAs(credentials), reconnect: false });
    expect(String(await connection.closed())).toContain('User Authentication Expired');
    const ended = nats.clientCredentials('shop', { expiresAt: Date.now() - 5000 });
    await expect(connect(connectionAs(ended))).rejects.toThrow(/Authorization Violation|Authentication Expired/);
  });
});

it('keeps what tokens are worth apart from the users of the bus: without one, the API answers nothing', async () => {
  const tenant = await nats.connect(nats.clientCredentials('shop'), 'tenant');
  await expect(new ApiClient(tenant, 'nothing').ask(api.instance.list, {})).rejects.toMatchObject({
    failure: { code: 'unauthenticated' },
  });
});
