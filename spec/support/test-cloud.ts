/**
 * A whole cloud of a test's own: a real nats-server, every part in this process, simulated hypervisors that the test
 * holds in its hand, and a client of the administrator's.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Role, startCloud } from '../../actors/cloud/cloud.ts';
import { ensureFirstRecords } from '../../actors/cloud/first-records.ts';
import type { Capacity } from '../../actors/compute/capacity.ts';
import { startCompute } from '../../actors/compute/compute.ts';
import type { RecoverySettings } from '../../actors/compute/recovery-settings.ts';
import type { ControllerOptions } from '../../actors/controller/controller.ts';
import { tokenDigest } from '../../actors/identity/authenticator.ts';
import { ensureFirstAdmin } from '../../actors/identity/first-admin.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import type { Pulse } from '../../actors/runtime/pulse.ts';
import { createRuntime, type Part, type Runtime } from '../../actors/runtime/runtime.ts';
import type { RecordOf } from '../../actors/runtime/store.ts';
import type { SchedulerOptions } from '../../actors/scheduler/scheduler.ts';
import type { SimulatedDisks } from '../../actors/simulated/simulated-disks.ts';
import { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import type { CreateInstance, InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import type { Buckets, RoleName } from '../../transport/messages/records.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import type { StoreSettings } from '../../transport/nats/ensure-stream.ts';
import { encodeToken } from '../../transport/nats/subjects.ts';
import { startTestNats, type TestNats } from './nats.ts';
import { type NatsLink, openNatsLink } from './nats-link.ts';

export interface TestHost {
  name: string;
  zone?: string;
  capacity?: Capacity;
  recovery?: Partial<RecoverySettings>;
  /** The storage that it shares with others. */
  sharedDisks?: { name: string; disks: SimulatedDisks };
  /** Its connection, when it is to be one of its own. */
  runtime?: Runtime;
}

export interface TestCloud {
  url: string;
  /** Its server, to be killed and started again. */
  nats: TestNats;
  runtime: Runtime;
  /** The administrator's. */
  client: ApiClient;
  token: string;
  hypervisors: Map<string, SimulatedHypervisor>;
  /** A client of a user of a project of its own. */
  createUser(project: string, roles?: RoleName[]): Promise<ApiClient>;
  /** Writes a record behind the back of the parts. Resolves with its revision when their views show it. */
  write<Name extends keyof Buckets>(bucket: Name, key: string, record: RecordOf<Name>): Promise<number>;
  /** A runtime with a connection of its own, as another process would have. */
  connect(url?: string): Promise<Runtime>;
  addHost(host: TestHost): Promise<Part>;
  /** A host with a way of its own to the server, which can be cut; it is whole again before the cloud stops. */
  addDistantHost(host: TestHost): Promise<NatsLink>;
  create(request?: Partial<CreateInstance>, client?: ApiClient): Promise<InstanceView>;
  /** Resolves when the instance satisfies the condition. */
  until(uuid: string, is: (instance: InstanceView) => boolean, deadlineMs?: number): Promise<InstanceView>;
  stop(): Promise<void>;
}

export const imageName = 'simulated';
/** Of clouds whose hosts are to be held for dead soon. */
export const quickPulse: Pulse = { beatEveryMs: 200, deadAfterMs: 1_000 };
/** Little, so that passwords do not take long; `identity/passwords.test.ts` is about the usual one. */
export const passwordCost = { cost: 2 ** 10, blockSize: 8, parallelization: 1 };

export const controlPlane: readonly Role[] = ['api', 'controller', 'scheduler', 'network'];
/** How long what is sure to come may take on a machine that does much else (ms). */
const patienceMs = 30_000;
const plenty: Capacity = { vcpus: 64, memoryMb: 262_144, diskGb: 4096 };

export async function startTestCloud({
  roles = controlPlane,
  hosts = [{ name: 'host1' }],
  controller,
  scheduler,
  maxDeliveries,
  pulse,
  nats: natsOptions,
  store = {},
  logFile,
}: {
  /** What runs besides the hosts. */
  roles?: readonly Role[];
  hosts?: TestHost[];
  controller?: ControllerOptions;
  scheduler?: SchedulerOptions;
  maxDeliveries?: number;
  /** How soon a host that is silent is held for dead. */
  pulse?: Pulse;
  /** Of its server. */
  nats?: Parameters<typeof startTestNats>[0];
  /** What is set of its store. */
  store?: StoreSettings;
  /** Where everything that is logged goes. */
  logFile?: string;
} = {}): Promise<TestCloud> {
  const nats = await startTestNats(natsOptions);
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-cloud-'));
  const logger = logFile ? createLogger('trace', logFile) : createLogger(process.env.KILONOVA_LOG_LEVEL ?? 'fatal');
  const cleanups: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true }), () => nats.stop()];

  async function connect(url = nats.url): Promise<Runtime> {
    const bus = await connectBus({ url, name: 'test', store });
    const runtime = await createRuntime({
      bus,
      clock: systemClock,
      chance: systemChance,
      logger,
      maxDeliveries,
      ...(pulse && { pulse }),
    });
    cleanups.push(async () => {
      await runtime.store.close();
      await bus.close();
    });
    return runtime;
  }

  const runtime = await connect();
  const write: TestCloud['write'] = async (bucket, key, record) => {
    const revision = await (await runtime.store.bucket(bucket)).put(key, record);
    await (await runtime.store.view(bucket)).reached(revision);
    return revision;
  };
  await ensureFirstRecords(runtime, undefined);
  const { token } = await ensureFirstAdmin(runtime, join(folder, 'admin-token'));
  const hypervisors = new Map<string, SimulatedHypervisor>();

  async function addHost({
    name,
    zone = 'nova',
    capacity = plenty,
    recovery = {},
    sharedDisks,
    runtime: its = runtime,
  }: TestHost): Promise<Part> {
    const hypervisor =
      hypervisors.get(name) ??
      new SimulatedHypervisor({
        clock: systemClock,
        chance: systemChance,
        latencyMs: 0,
        ...(sharedDisks && { sharedDisks: sharedDisks.disks }),
      });
    hypervisors.set(name, hypervisor);
    const part = await startCompute(its, {
      name,
      availabilityZone: zone,
      hypervisor,
      capacity,
      recovery,
      ...(sharedDisks && { sharedDisks: sharedDisks.name }),
    });
    const view = await runtime.store.view('host');
    await eventually(() => (view.get(encodeToken(name))?.hypervisorState === 'up' ? true : undefined));
    cleanups.push(() => part.stop());
    return part;
  }

  async function addDistantHost(host: TestHost): Promise<NatsLink> {
    const link = await openNatsLink(nats.url);
    cleanups.push(() => link.close());
    await addHost({ ...host, runtime: await connect(link.url) });
    cleanups.push(async () => link.mend());
    return link;
  }

  const parts = await startCloud(runtime, {
    roles,
    controller: { passwordCost, ...controller },
    ...(scheduler && { scheduler }),
  });
  cleanups.push(() => parts.stop());
  for (const host of hosts) await addHost(host);
  const client = new ApiClient(runtime.bus, token);

  return {
    url: nats.url,
    nats,
    runtime,
    client,
    token,
    hypervisors,
    write,
    connect,
    addHost,
    addDistantHost,
    async createUser(project, roles: RoleName[] = ['member']) {
      const createdAt = Date.now();
      const user = `${project}-${systemChance.uuid().slice(0, 8)}`;
      const secret = systemChance.uuid();
      await write('project', project, { id: project, name: project, isEnabled: true, createdAt });
      await write('user', user, { id: user, name: user, isEnabled: true, roles: { [project]: roles }, createdAt });
      await write('token', tokenDigest(secret), { userId: user, projectId: project, createdAt });
      return new ApiClient(runtime.bus, secret);
    },
    async create(request = {}, as = client) {
      const body = { name: 'test', image: imageName, flavor: 'm1.micro', ...request };
      const { instances } = await as.ask(api.instance.create, body);
      const [instance] = instances;
      if (!instance) throw new Error('no instance was created');
      return instance;
    },
    until(uuid, is, deadlineMs = patienceMs) {
      return eventually(async () => {
        const { instance } = await client.ask(api.instance.get, { uuid });
        return is(instance) ? instance : undefined;
      }, deadlineMs);
    },
    async stop() {
      for (const clean of cleanups.toReversed()) await clean();
    },
  };
}

/** Asks again until there is an answer; rejects with the last thing that was thrown, or that time was up. */
export async function eventually<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  deadlineMs = patienceMs,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null) return answer;
    if (Date.now() > deadline) throw new Error(`it did not come to that within ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
