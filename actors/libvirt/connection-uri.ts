/**
 * Reads a libvirt connection URI as any libvirt client does: `qemu:///system`, `qemu:///session`,
 * `qemu+unix:///system?socket=PATH`, `test:///default`. Only daemons on this machine: a compute host drives its own
 * hypervisor, so the transports tcp, tls and ssh are refused.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../machines/failure.ts';

export interface ConnectionTarget {
  /** The scheme without the transport: `qemu`, `test`. */
  driver: string;
  socketPath: string;
  /** What the daemon is asked to open: the URI without what is only for the client. */
  name: string;
}

/** Parameters that are read by the client and mean nothing to the daemon. */
const clientParameters = ['socket', 'mode'];

/** Looks which sockets exist, so ask again before each connection. Throws `invalid_request` or `unsupported`. */
export function resolveConnection(uri: string, environment: NodeJS.ProcessEnv = process.env): ConnectionTarget {
  const { driver, transport, url } = parse(uri);
  if (transport !== undefined && transport !== 'unix') {
    throw fail('unsupported', `libvirt over ${transport} is not supported: ${uri}`);
  }
  if (url.host !== '' && url.host !== 'localhost') {
    throw fail('unsupported', `libvirt on another machine is not supported: ${uri}`);
  }
  const socket = url.searchParams.get('socket');
  for (const parameter of clientParameters) url.searchParams.delete(parameter);
  return {
    driver,
    socketPath: socket ?? findSocket(driver, url.pathname === '/session', environment),
    name: `${driver}://${url.pathname}${url.search}`,
  };
}

function parse(uri: string) {
  const scheme = /^([a-z0-9]+)(?:\+([a-z0-9]+))?:\/\//.exec(uri);
  const driver = scheme?.[1];
  if (driver === undefined || !URL.canParse(uri)) {
    throw fail('invalid_request', `not a libvirt connection URI: ${uri}`);
  }
  return { driver, transport: scheme?.[2], url: new URL(uri) };
}

/** As remoteGetUNIXSocket: the driver's own daemon when it is there, else the one daemon for all drivers. */
function findSocket(driver: string, isSession: boolean, environment: NodeJS.ProcessEnv): string {
  const runtime = environment.XDG_RUNTIME_DIR ?? join(environment.HOME ?? '/', '.cache');
  const folder = isSession ? join(runtime, 'libvirt') : '/run/libvirt';
  const own = join(folder, `virt${driver}d-sock`);
  return existsSync(own) ? own : join(folder, 'libvirt-sock');
}
