/** `kilonova up`: the whole cloud in one process, and, when asked, a first instance in it. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { roles, startCloud } from '../../actors/cloud/cloud.ts';
import { ensureFirstRecords } from '../../actors/cloud/first-records.ts';
import { adminProject, ensureFirstAdmin } from '../../actors/identity/first-admin.ts';
import { ensureMachine, type ReadyMachine } from '../../actors/setup/setup.ts';
import { toFailure } from '../../machines/failure.ts';
import { api } from '../messages/api.ts';
import { ApiClient } from '../nats/api-client.ts';
import { encodeToken, subjects } from '../nats/subjects.ts';
import { type LaunchWishes, launch, ping, remove } from './first-launch.ts';
import { measureLaunchPath } from './launch-path.ts';
import { askedToStop, type Process, startProcess } from './process.ts';
import { formatMs } from './progress.ts';
import type { Settings } from './settings.ts';

export interface UpOptions extends Settings {
  /** Launches a first instance. */
  launch: boolean;
  /** Deletes it again, and ends. */
  once: boolean;
}

const flavor = 'm1.micro';

/** Resolves with the exit code. */
export async function up(options: UpOptions): Promise<number> {
  const startedAt = Date.now();
  const stopAsked = askedToStop();
  const say = (line: string) => process.stdout.write(`${line}\n`);
  await mkdir(options.state, { recursive: true, mode: 0o755 });

  const machine = await ensureMachine({
    stateDir: options.state,
    want: {
      nats: options.nats === undefined ? natsOfOurOwn(options) : { url: options.nats },
      hypervisor: options.hypervisor,
      hasTestImage: options.testImage && options.hypervisor !== 'simulated',
    },
    report: (line) => say(`· ${line}`),
  });
  for (const reason of machine.reasons) say(`! ${reason}`);
  let cloud: Process | undefined;
  try {
    cloud = await startProcess('up', machine.natsUrl, options);
    const imageName = await startParts(cloud, machine, options);
    const { token, isNew } = await ensureFirstAdmin(cloud.runtime, tokenFile(options));
    const client = new ApiClient(cloud.runtime.bus, token);
    await waitForHosts(cloud, hostNames(machine, options));
    say(`✓ the cloud is up after ${formatMs(Date.now() - startedAt)}: ${describeCloud(machine, options)}`);
    if (isNew) say(`  the administrator’s token, shown once and kept in ${tokenFile(options)}: ${token}`);

    if (options.launch) await launchFirst(cloud, client, machine, imageName, options, say);
    if (!options.once) {
      say(howToTalk(machine, options));
      const signal = await Promise.race([stopAsked, natsEnded(machine)]);
      say(`· ${signal}: stopping; instances go on`);
    }
    return 0;
  } catch (thrown) {
    const { code, message } = toFailure(thrown);
    say(`✗ ${code}: ${message}`);
    return 1;
  } finally {
    await cloud?.stop();
    await machine.stop();
  }
}

async function startParts(cloud: Process, machine: ReadyMachine, options: Settings): Promise<string> {
  const { runtime } = cloud;
  const { name } = await ensureFirstRecords(runtime, machine.testImage);
  cloud.add(
    await startCloud(runtime, {
      roles,
      controller: { maxAttempts: options.maxAttempts },
      scheduler: { policy: options.policy },
      ...(machine.libvirt
        ? {
            libvirtHost: {
              name: options.host,
              availabilityZone: options.zone,
              uri: options.libvirtUri ?? machine.libvirt.uri,
              stateDir: options.state,
              virtType: options.virtType,
            },
          }
        : {
            simulatedHosts: simulatedHostNames(options).map((host) => ({
              name: host,
              availabilityZone: options.zone,
              latencyMs: options.simulatedLatency,
            })),
          }),
    }),
  );
  return name;
}

async function launchFirst(
  cloud: Process,
  client: ApiClient,
  machine: ReadyMachine,
  image: string,
  { once }: UpOptions,
  say: (line: string) => void,
): Promise<void> {
  const wishes: LaunchWishes = { name: 'first', image, flavor, projectId: adminProject, output: process.stdout };
  say(`· launching an instance: image ${image}, flavor ${flavor}, hypervisor ${machine.hypervisor}`);
  const startedAt = Date.now();
  const instance = await launch(client, wishes);
  const address = instance.ports[0]?.addresses[0] ?? '';
  say(
    `✓ ${instance.uuid} runs on ${instance.host} after ${formatMs(Date.now() - startedAt)}, with the address ${address}`,
  );
  if (machine.hypervisor === 'libvirt') say(`✓ it answered a ping ${formatMs(await ping(address))} later`);
  else say('  a simulated guest has no network: it is not pinged');
  if (once) {
    say('· deleting it');
    await remove(client, instance.uuid, wishes);
    say('✓ nothing of it is left but its record');
  }
  const { medianMs, slowestMs, launches, warmUps } = await measureLaunchPath(cloud.runtime, client, {
    projectId: adminProject,
    image,
    flavor,
  });
  say(
    `✓ a launch alone, through all parts on a simulated hypervisor: ${medianMs.toFixed(1)} ms ` +
      `(median of ${launches} after ${warmUps} to warm up, slowest ${slowestMs.toFixed(1)} ms)`,
  );
}

async function waitForHosts({ runtime }: Process, names: string[]): Promise<void> {
  const hosts = await runtime.store.view('host');
  const isUp = () => names.every((name) => hosts.get(encodeToken(name))?.hypervisorState === 'up');
  if (isUp()) return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the hypervisor could not be connected to within 60 s')), 60_000);
    const stop = hosts.onChange(() => {
      if (!isUp()) return;
      stop();
      clearTimeout(timer);
      resolve();
    });
  });
}

function natsOfOurOwn({ natsPort }: Settings) {
  return natsPort === undefined ? {} : { port: natsPort };
}

/** A nats-server of our own that dies takes the cloud with it; somebody else's is waited for. */
function natsEnded({ natsServer }: ReadyMachine): Promise<string> {
  return natsServer ? natsServer.ended.then(() => 'the nats-server has ended') : new Promise(() => {});
}

function hostNames(machine: ReadyMachine, options: Settings): string[] {
  return machine.libvirt ? [options.host] : simulatedHostNames(options);
}

function simulatedHostNames({ host, simulatedHosts }: Settings): string[] {
  return Array.from({ length: simulatedHosts }, (_, index) => (simulatedHosts === 1 ? host : `${host}-${index + 1}`));
}

function tokenFile({ state }: Settings): string {
  return join(state, 'admin-token');
}

function describeCloud(machine: ReadyMachine, options: Settings): string {
  const hosts = machine.libvirt
    ? `host ${options.host} with libvirt`
    : `${options.simulatedHosts} simulated host${options.simulatedHosts === 1 ? '' : 's'}`;
  return `API, cloud controller, scheduler, network controller, ${hosts}`;
}

function howToTalk(machine: ReadyMachine, options: Settings): string {
  const subject = subjects.api(api.instance.list.resource, api.instance.list.verb);
  return [
    `· NATS: ${machine.natsUrl}`,
    `  every request carries the header Authorization: Bearer <token>, with the token in ${tokenFile(options)}`,
    `  nats --server ${machine.natsUrl} req ${subject} '{}' -H "Authorization:Bearer $(cat ${tokenFile(options)})"`,
    `  nats --server ${machine.natsUrl} sub 'cloud.fact.>'     what happens, as it happens`,
    '  Ctrl-C stops the cloud; instances go on, and are taken up again at the next start',
  ].join('\n');
}
