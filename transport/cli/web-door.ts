/** The port of the web server, as the settings say. */
import { fail } from '../../machines/failure.ts';
import { systemClock } from '../clock.ts';
import { Door } from '../http/door.ts';
import type { Settings } from './settings.ts';

/** Rejects with `conflict` when the port is taken, and with `invalid_request` for what cannot be. */
export async function openDoor(settings: Settings, say: (line: string) => void): Promise<Door> {
  const { httpAddress: address, httpPort: port, httpTlsCert: certificate, httpTlsKey: key } = settings;
  const trustedProxies = settings.httpTrustedProxies?.split(',');
  if ((certificate === undefined) !== (key === undefined)) {
    throw fail('invalid_request', '--http-tls-cert and --http-tls-key go together');
  }
  const tls = certificate !== undefined && key !== undefined ? { certificate, key } : undefined;
  const onError = ({ message }: Error) => say(`! somebody could not be let in over HTTP: ${message}`);
  const door = await Door.open({ address, port, tls, trustedProxies, clock: systemClock, onError });
  if (!tls && !isLoopback(address)) {
    say(`! whoever is on the way to ${address} can read along, tokens too: --http-tls-cert encrypts`);
  }
  return door;
}

export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
