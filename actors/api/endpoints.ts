/** What each endpoint of the API server does: reads from the views, hands everything else to the cloud controller. */
import { fail } from '../../machines/failure.ts';
import { api, type Endpoint } from '../../transport/messages/api.ts';
import { computeCalls, controllerCalls, type InstanceCommand } from '../../transport/messages/internal.ts';
import type { Instance, KeyPair } from '../../transport/messages/records.ts';
import { type Call, call } from '../../transport/nats/call.ts';
import type { CallContext, Caller } from '../../transport/nats/call-context.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { isAlive } from '../compute/heartbeat.ts';
import { isAdmin, maySee } from '../identity/authenticator.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { HostUsage } from '../scheduler/host-usage.ts';
import { listInstances } from './instance-list.ts';
import { timestamp, viewInstance } from './instance-view.ts';

export interface Request {
  caller: Caller;
  context: CallContext;
}

export interface Handler {
  endpoint: Endpoint<unknown, unknown>;
  handle: (body: never, request: Request) => Promise<unknown>;
}

export async function openHandlers({ bus, store, clock }: Runtime): Promise<Handler[]> {
  const [instances, keyPairs, images, flavors, hosts] = await Promise.all([
    store.view('instance'),
    store.view('keyPair'),
    store.view('image'),
    store.view('flavor'),
    store.view('host'),
  ]);
  const usage = new HostUsage(instances);
  const handlers: Handler[] = [];

  function on<Q, R>(endpoint: Endpoint<Q, R>, handle: (body: Q, request: Request) => Promise<R> | R): void {
    handlers.push({
      endpoint: endpoint as Endpoint<unknown, unknown>,
      handle: async (body, request) => handle(body, request),
    });
  }

  function callController<Q, R>(kind: Call<Q, R>, body: Q, { context, caller }: Request): Promise<R> {
    return call(bus, subjects.controllerCall(kind.name), kind, body, { ...context, caller });
  }

  function find(uuid: string, { caller }: Request): Instance {
    const instance = instances.get(uuid);
    if (!instance || !maySee(caller, instance.projectId)) {
      throw fail('not_found', `there is no instance ${uuid}`, { details: { field: '/uuid' } });
    }
    return instance;
  }

  async function command(uuid: string, command: InstanceCommand, request: Request) {
    const { revision } = await callController(controllerCalls.commandInstance, { uuid, command }, request);
    if (revision !== undefined) await instances.reached(revision);
    return { instance: viewInstance(find(uuid, request)) };
  }

  on(api.instance.create, async (body, request) => {
    const created = await callController(controllerCalls.createInstance, body, request);
    await instances.reached(Math.max(...created.instances.map(({ revision }) => revision)));
    return { instances: created.instances.map(({ record }) => viewInstance(instances.get(record.uuid) ?? record)) };
  });
  on(api.instance.get, ({ uuid }, request) => ({ instance: viewInstance(find(uuid, request)) }));
  on(api.instance.list, (query, { caller }) => ({ instances: listInstances(instances, query, caller) }));
  for (const verb of ['delete', 'start', 'stop', 'pause', 'unpause', 'suspend', 'resume'] as const) {
    on(api.instance[verb], ({ uuid }, request) =>
      command(uuid, { type: `instance.${verb}`, at: clock.now() }, request),
    );
  }
  on(api.instance.reboot, ({ uuid, how = 'soft' }, request) =>
    command(uuid, { type: 'instance.reboot', how, at: clock.now() }, request),
  );
  on(api.instance.consoleLog, async ({ uuid, maxBytes = 65_536 }, request) => {
    const { host } = find(uuid, request).chart.context;
    if (typeof host !== 'string') throw fail('conflict', `instance ${uuid} has no host yet`);
    const kind = computeCalls.consoleLog;
    return call(bus, subjects.computeCall(host, kind.name), kind, { uuid, maxBytes }, request.context);
  });

  on(api.keyPair.create, async (body, request) => {
    const { keyPair, privateKey, revision } = await callController(controllerCalls.createKeyPair, body, request);
    await keyPairs.reached(revision);
    return { keyPair: viewKeyPair(keyPair), ...(privateKey !== undefined && { privateKey }) };
  });
  on(api.keyPair.list, (_, { caller }) => ({
    keyPairs: [...keyPairs.values()]
      .filter(({ projectId, userId }) => projectId === caller.projectId && userId === caller.userId)
      .toSorted(byName)
      .map(viewKeyPair),
  }));
  on(api.keyPair.delete, async (body, request) => {
    const { key, revision } = await callController(controllerCalls.deleteKeyPair, body, request);
    await keyPairs.left(key, revision);
    return {};
  });

  on(api.image.list, (_, { caller }) => ({
    images: [...images.values()]
      .filter(({ projectId }) => projectId === undefined || projectId === caller.projectId || isAdmin(caller))
      .toSorted(byName),
  }));
  on(api.flavor.list, () => ({
    flavors: [...flavors.values()].toSorted((a, b) => a.memoryMb - b.memoryMb || a.vcpus - b.vcpus),
  }));
  on(api.host.list, () => ({
    hosts: [...hosts.values()].toSorted(byName).map((host) => {
      const { instances: count, ...used } = usage.of(host.name);
      return {
        name: host.name,
        isAlive: isAlive(host, clock.now()),
        availabilityZone: host.availabilityZone,
        hypervisor: host.hypervisor,
        service: host.service,
        hypervisorState: host.hypervisorState,
        capacity: host.capacity,
        used,
        instances: count,
        heartbeatAt: timestamp(host.heartbeatAt),
      };
    }),
  }));
  return handlers;
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function viewKeyPair({ name, fingerprint, publicKey, createdAt }: KeyPair) {
  return { name, fingerprint, publicKey, createdAt: timestamp(createdAt) };
}
