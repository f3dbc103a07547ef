/** `kilonova api`, `controller`, …: one part alone in its process. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Role, startCloud } from '../../actors/cloud/cloud.ts';
import { ensureFirstRecords } from '../../actors/cloud/first-records.ts';
import { ClientUsers } from '../../actors/identity/client-users.ts';
import { ensureAdminPassword, ensureFirstAdmin } from '../../actors/identity/first-admin.ts';
import type { Life } from '../../actors/runtime/lives.ts';
import { defaultCacheDir } from '../../actors/setup/cache-dir.ts';
import { ensureLibvirt } from '../../actors/setup/libvirt-daemon.ts';
import { buildTestImage } from '../../actors/setup/test-image.ts';
import { fail, toFailure } from '../../machines/failure.ts';
import { keepAdminCredentials } from './bus-keys.ts';
import { accessOf } from './nats-access.ts';
import { askedToStop, startProcess } from './process.ts';
import { recoveryOf, type Settings } from './settings.ts';
import { goOnUnheard } from './standard-streams.ts';
import { sayOn } from './tell.ts';
import { openDoor } from './web-door.ts';

/** Resolves with the exit code, when the process has been told to stop. */
export async function runRole(role: Role, settings: Settings): Promise<number> {
  if (settings.nats === undefined) {
    throw fail('invalid_request', 'a part alone needs a NATS server: give --nats, or KILONOVA_NATS_URL');
  }
  goOnUnheard();
  const stopping = new AbortController();
  void askedToStop().then(() => stopping.abort());
  const say = sayOn(process.stderr);
  const access = accessOf(settings, settings.nats);
  const clientUsers = access.credentials && ClientUsers.of(access.credentials);
  const door = role === 'web' ? await openDoor(settings, say) : undefined;

  async function begin({ runtime, add }: Life): Promise<void> {
    if (role === 'controller') {
      await ensureFirstAdmin(runtime, join(settings.state, 'admin-token'));
      await ensureAdminPassword(runtime, join(settings.state, 'admin-password'));
      if (clientUsers) add(await keepAdminCredentials(clientUsers, settings.state, runtime));
      const image = settings.testImage ? await testImage(say) : undefined;
      await ensureFirstRecords(runtime, image, { bridge: settings.bridge, cidr: settings.cidr });
    }
    const cloud = await startCloud(runtime, {
      roles: [role],
      controller: { maxAttempts: settings.maxAttempts, storeRoom: { bytes: settings.natsStore }, clientUsers },
      scheduler: { policy: settings.policy },
      ...(role === 'compute' && (await computeHost(settings, say))),
      ...(door && { web: { door } }),
    });
    add(cloud);
  }

  try {
    const lives = await startProcess(role, access, settings, { signal: stopping.signal, say, begin });
    if (!stopping.signal.aborted) process.stdout.write(`kilonova ${role} is ready${door ? ` at ${door.url}` : ''}\n`);
    await lives.ended;
    return 0;
  } finally {
    await door?.close();
  }
}

/** A cloud can do without. */
async function testImage(say: (line: string) => void) {
  try {
    return await buildTestImage({ cacheDir: defaultCacheDir(), report: say });
  } catch (thrown) {
    say(`there is no test image: ${toFailure(thrown).message}`);
    return undefined;
  }
}

async function computeHost(settings: Settings, say: (line: string) => void) {
  const recovery = recoveryOf(settings);
  const { host, zone, state, hypervisor, libvirtUri, virtType, nftTable, sharedDisks, simulatedLatency } = settings;
  if (hypervisor === 'simulated') {
    if (sharedDisks !== undefined) {
      throw fail('unsupported', 'only simulated hosts of one process share their disks: see `kilonova up`');
    }
    return {
      simulatedHosts: [{ name: host, availabilityZone: zone, latencyMs: simulatedLatency, stateDir: state, recovery }],
    };
  }
  await mkdir(state, { recursive: true, mode: 0o755 });
  const { uri } = await ensureLibvirt({
    stateDir: state,
    report: say,
    ...(libvirtUri !== undefined && { uri: libvirtUri }),
  });
  const libvirtHost = { name: host, availabilityZone: zone, uri, stateDir: state, virtType, nftTable, sharedDisks };
  return { libvirtHost: { ...libvirtHost, recovery } };
}
