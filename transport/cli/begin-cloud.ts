/** A life of the cloud that `kilonova up` runs: its administrator, its first records, and all of its parts. */
import { join } from 'node:path';
import { roles, startCloud } from '../../actors/cloud/cloud.ts';
import { openSharedDisks } from '../../actors/cloud/compute-hosts.ts';
import { ensureFirstRecords } from '../../actors/cloud/first-records.ts';
import type { ClientUsers } from '../../actors/identity/client-users.ts';
import { ensureAdminPassword, ensureFirstAdmin, type FirstAdmin } from '../../actors/identity/first-admin.ts';
import type { Life } from '../../actors/runtime/lives.ts';
import type { ReadyMachine } from '../../actors/setup/setup.ts';
import type { Door } from '../http/door.ts';
import { ApiClient } from '../nats/api-client.ts';
import { keepAdminCredentials } from './bus-keys.ts';
import { recoveryOf, type Settings } from './settings.ts';

/** What a first launch goes by. */
export interface Begun extends FirstAdmin {
  /** Given to the administrator just now. */
  password: string | undefined;
  /** Its name. */
  image: string;
}

export async function beginCloud(
  { runtime, add }: Life,
  machine: ReadyMachine,
  options: Settings,
  { clientUsers, door }: { clientUsers: ClientUsers | undefined; door: Door },
  say: (line: string) => void,
): Promise<Begun> {
  const { bridge, cidr, state, sharedDisks } = options;
  new ApiClient(runtime.bus, '').followAlarms(({ message }) => say(`! ${message}`));
  // Before the API server opens its view of the tokens: afterwards it would know this one only a moment later.
  const administrator = await ensureFirstAdmin(runtime, tokenFile(options));
  const password = await ensureAdminPassword(runtime, passwordFile(options));
  if (clientUsers) add(await keepAdminCredentials(clientUsers, state, runtime));
  const image = await ensureFirstRecords(runtime, machine.testImage, { bridge, cidr });
  const storeRoom = { bytes: options.natsStore, ...(machine.natsServer && { folder: state }) };
  const shared =
    machine.libvirt || sharedDisks === undefined
      ? undefined
      : { name: sharedDisks, disks: openSharedDisks(state, sharedDisks) };
  add(
    await startCloud(runtime, {
      roles,
      controller: { maxAttempts: options.maxAttempts, storeRoom, clientUsers },
      scheduler: { policy: options.policy },
      web: { door },
      ...(machine.libvirt
        ? {
            libvirtHost: {
              name: options.host,
              availabilityZone: options.zone,
              uri: machine.libvirt.uri,
              stateDir: options.state,
              virtType: options.virtType,
              nftTable: options.nftTable,
              sharedDisks,
              recovery: recoveryOf(options),
            },
          }
        : {
            simulatedHosts: simulatedHostNames(options).map((host) => ({
              name: host,
              availabilityZone: options.zone,
              latencyMs: options.simulatedLatency,
              stateDir: options.state,
              sharedDisks: shared,
              recovery: recoveryOf(options),
            })),
          }),
    }),
  );
  return { ...administrator, password, image };
}

export function hostNames(machine: ReadyMachine, options: Settings): string[] {
  return machine.libvirt ? [options.host] : simulatedHostNames(options);
}

function simulatedHostNames({ host, simulatedHosts }: Settings): string[] {
  return Array.from({ length: simulatedHosts }, (_, index) => (simulatedHosts === 1 ? host : `${host}-${index + 1}`));
}

export function tokenFile({ state }: Settings): string {
  return join(state, 'admin-token');
}

export function passwordFile({ state }: Settings): string {
  return join(state, 'admin-password');
}
