/** How a process connects to NATS: where, as whom, and over what. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { errors, type TlsOptions } from 'nats';
import { FailureError, fail } from '../../machines/failure.ts';
import type { Bus } from '../nats/bus.ts';
import { type BusOptions, connectBus } from '../nats/connect-bus.ts';
import { type Credentials, clientInboxOf, connectionAs, readCredentials } from '../nats/credentials.ts';
import { readClaims } from '../nats/nats-jwt.ts';
import { connectionOf, shownUrls } from '../nats/server-urls.ts';
import type { Settings } from './settings.ts';

export interface NatsAccess {
  url: string;
  /** Absent: the server lets in whoever comes, or the URL says who it is. */
  credentials?: Credentials | undefined;
  /** The file of those who may have signed the server's certificate. */
  ca?: string | undefined;
}

/** What the settings say; `url` is where `--nats` is, or what stands for it. */
export function accessOf({ creds, natsCa }: Pick<Settings, 'creds' | 'natsCa'>, url: string): NatsAccess {
  return { url, credentials: creds === undefined ? undefined : readCredentials(creds), ca: natsCa };
}

/** Rejects with `unavailable` where nobody answers, and with `unauthenticated` where we are not let in. */
export async function connectTo(
  { url, credentials, ca }: NatsAccess,
  { timeoutMs, ...options }: Omit<BusOptions, 'url' | 'connection'> & { timeoutMs?: number },
): Promise<Bus> {
  const connection = {
    ...(credentials && connectionAs(credentials)),
    ...((ca !== undefined || /(^|,)tls:/.test(url)) && { tls: tlsFor(url, ca) }),
    ...(timeoutMs !== undefined && { timeout: timeoutMs }),
  };
  try {
    return await connectBus({ ...options, url, connection, clientInbox: credentials && clientInboxOf(credentials) });
  } catch (thrown) {
    options.signal?.throwIfAborted();
    throw whyNot(thrown, shownUrls(url), credentials);
  }
}

/**
 * With these the client goes to no server that does not encrypt. Where a URL has an address the client tells Node no
 * name, which then looks for `localhost` in the certificate: it has to be one of those addresses.
 */
function tlsFor(url: string, ca: string | undefined): TlsOptions {
  const hosts = [connectionOf(url).servers ?? []]
    .flat()
    .map((server) => new URL(server.includes('://') ? server : `nats://${server}`).hostname);
  const addresses = hosts.map((host) => host.replace(/^\[|\]$/g, '')).filter((host) => isIP(host) !== 0);
  return {
    ...(ca !== undefined && { ca: readCa(ca) }),
    ...(addresses.length > 0 && {
      checkServerIdentity(host: string, certificate: PeerCertificate) {
        const wrongs = (host === 'localhost' ? addresses : [host]).map((name) =>
          checkServerIdentity(name, certificate),
        );
        return wrongs.includes(undefined) ? undefined : wrongs[0];
      },
    }),
  };
}

function readCa(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    throw fail('invalid_request', `--nats-ca cannot be read: ${(thrown as Error).message}`);
  }
}

function whyNot(thrown: unknown, url: string, credentials: Credentials | undefined): FailureError {
  if (thrown instanceof FailureError) return thrown;
  if (thrown instanceof errors.AuthorizationError || thrown instanceof errors.UserAuthenticationExpiredError) {
    return fail('unauthenticated', `NATS at ${url} does not let us in: ${refusalOf(credentials)}`);
  }
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  const hint = isAboutTls(thrown) ? '; --nats-ca names who has to have signed its certificate' : '';
  return fail('unavailable', `there is no NATS for us at ${url}: ${reason}${hint}`, { disposition: 'retry' });
}

function refusalOf(credentials: Credentials | undefined): string {
  if (!credentials) return 'it wants credentials: give --creds, or KILONOVA_CREDS';
  const { exp } = readClaims(credentials.jwt);
  if (exp !== undefined && exp * 1000 <= Date.now()) {
    return `the credentials of --creds have ended at ${new Date(exp * 1000).toISOString()}`;
  }
  return 'the credentials of --creds are not of this cloud';
}

/** As Node names what is wrong with a certificate, and NATS a server that does not encrypt. */
function isAboutTls(thrown: unknown): boolean {
  const { code, cause, message } = thrown as { code?: unknown; cause?: { code?: unknown }; message?: string };
  return /CERT|TLS|SSL|ISSUER/.test(`${code} ${cause?.code}`) || /\btls\b|certificate/i.test(message ?? '');
}
