/** The nats-server that `kilonova up` starts for itself, unless it is told of another: its users, and what is set of it. */
import { accessSync, constants } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { NatsServerOptions } from '../../actors/setup/nats-server.ts';
import { fail, toFailure } from '../../machines/failure.ts';
import { openAuthority } from './bus-keys.ts';
import type { NatsAccess } from './nats-access.ts';
import type { Settings } from './settings.ts';

/** Of a nats-server of our own. */
export type OwnBus = Required<Pick<NatsServerOptions, 'users'>> & Required<Pick<NatsAccess, 'credentials'>>;

/** What a nats-server of our own is told of its users, and as which of them we connect to it; nothing for another's. */
export async function prepareBus({ nats, state }: Settings): Promise<OwnBus | undefined> {
  await mkdir(state, { recursive: true, mode: 0o755 });
  if (nats !== undefined) return undefined;
  const authority = await openAuthority(state);
  const { account } = authority;
  return {
    users: { account, configuration: authority.serverConfiguration() },
    credentials: authority.credentialsOf('up'),
  };
}

export function ownServer(
  { natsAddress, natsPort, natsStore, natsSync, natsTlsCert, natsTlsKey }: Settings,
  bus: OwnBus | undefined,
): Omit<NatsServerOptions, 'stateDir'> {
  if ((natsTlsCert === undefined) !== (natsTlsKey === undefined)) {
    throw fail('invalid_request', '--nats-tls-cert and --nats-tls-key go together');
  }
  if (natsTlsCert !== undefined) expectReadable('--nats-tls-cert', natsTlsCert);
  if (natsTlsKey !== undefined) expectReadable('--nats-tls-key', natsTlsKey);
  return {
    host: natsAddress,
    ...(natsPort !== undefined && { port: natsPort }),
    ...(natsStore !== undefined && { maxStore: natsStore }),
    ...(natsSync !== undefined && { sync: natsSync }),
    ...(natsTlsCert !== undefined &&
      natsTlsKey !== undefined && { tls: { certificate: natsTlsCert, key: natsTlsKey } }),
    ...(bus && { users: bus.users }),
  };
}

function expectReadable(flag: string, path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (thrown) {
    throw fail('invalid_request', `${flag} cannot be read: ${toFailure(thrown).message}`);
  }
}
