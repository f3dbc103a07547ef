/** A nats-server whose users are those of a cloud: every connection is that of one of them, and is allowed only that. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeys } from 'nats';
import { BusAuthority, type PartRole } from '../../actors/identity/bus-authority.ts';
import { ClientUsers } from '../../actors/identity/client-users.ts';
import { startNatsServer } from '../../actors/setup/nats-server.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { type Credentials, clientInboxOf, connectionAs, seedOf } from '../../transport/nats/credentials.ts';
import type { Refusal } from '../../transport/nats/refusal.ts';

export interface SecuredNats {
  url: string;
  folder: string;
  authority: BusAuthority;
  clientUsers: ClientUsers;
  /** What the server has refused to anybody, as `api publish subject`. */
  refusals: string[];
  connect(credentials: Credentials, name?: string): Promise<Bus>;
  connectPart(role: PartRole, host?: string): Promise<Bus>;
  /** Credentials as the cloud would give them for a token of the project. */
  clientCredentials(project: string, options?: { roles?: string[]; expiresAt?: number }): Credentials;
  stop(): Promise<void>;
}

export async function startSecuredNats(): Promise<SecuredNats> {
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-secured-'));
  const authority = await BusAuthority.open(join(folder, 'bus-keys.json'), {
    clock: systemClock,
    chance: systemChance,
  });
  const users = { account: authority.account, configuration: authority.serverConfiguration() };
  const server = await startNatsServer({ stateDir: folder, port: 0, users });
  const clientUsers = ClientUsers.of(authority.credentialsOf('controller'));
  if (!clientUsers) throw new Error('a controller signs no users');
  const refusals: string[] = [];
  const buses: Bus[] = [];

  async function connect(credentials: Credentials, name = 'client', usesJetStream = false): Promise<Bus> {
    const onRefusal = ({ operation, subject }: Refusal) => refusals.push(`${name} ${operation} ${subject}`);
    const bus = await connectBus({
      url: server.url,
      name,
      connection: connectionAs(credentials),
      clientInbox: clientInboxOf(credentials),
      usesJetStream,
      onRefusal,
    });
    buses.push(bus);
    return bus;
  }

  return {
    url: server.url,
    folder,
    authority,
    clientUsers,
    refusals,
    connect,
    connectPart: (role, host) => connect(authority.credentialsOf(role, host), host ?? role, true),
    clientCredentials(projectId, { roles = ['member'], expiresAt } = {}) {
      const user = nkeys.createUser();
      const caller = { userId: 'somebody', projectId, roles, ...(expiresAt !== undefined && { expiresAt }) };
      return { jwt: clientUsers.sign(user.getPublicKey(), caller, Date.now()).jwt, seed: seedOf(user) };
    },
    async stop() {
      for (const bus of buses) await bus.close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
