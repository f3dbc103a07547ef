/**
 * Linux bridges on a host, by iproute2: one bridge is one network, guests' taps are its ports, and its own address,
 * when it has one, is the gateway. Idempotent by the bridge's name; steps for one bridge run one after the other.
 *
 * What others have set is left: a bridge that is there keeps its ports, its MAC and its other addresses.
 *
 * When br_netfilter is loaded (docker does that) and `net.bridge.bridge-nf-call-iptables` is 1, bridged frames
 * also pass the FORWARD chain of iptables, whose policy docker sets to DROP: guests on one bridge then cannot
 * reach each other. Set the sysctl to 0, or accept traffic of the bridge in DOCKER-USER. Nothing is changed here,
 * because the setting is one for the whole host.
 */
import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { FailureError, fail } from '../../machines/failure.ts';
import { runInNamespace } from '../process/in-namespace.ts';
import { commandTrouble } from '../process/run-command.ts';
import { SerialQueue } from '../process/serial-queue.ts';

/** IFNAMSIZ leaves 15 characters; the first is a letter so that no name looks like an option or a number. */
const namePattern = /^[A-Za-z][A-Za-z0-9_.-]{0,14}$/;
const deadlineMs = 30_000;

export interface Bridge {
  name: string;
  /** The host's own address on the bridge with its prefix length, such as 10.0.0.1/22. */
  address?: string;
  mtu: number;
}

interface Place {
  /** Where the bridge lives, instead of the process's own network namespace. */
  networkNamespace?: string;
}

/** As `ip -j -d link show` and `ip -j addr show` describe it; the fields that are used. */
interface Link {
  ifname: string;
  mtu: number;
  flags: string[];
  linkinfo?: { info_kind?: string };
  addr_info?: { local: string; prefixlen: number }[];
}

const queue = new SerialQueue();

/** Makes the bridge when it is missing, gives it its MTU and address, and brings it up. */
export async function ensureBridge(bridge: Bridge, signal: AbortSignal, place: Place = {}): Promise<void> {
  checkBridge(bridge);
  const ip = (...args: string[]) => runIp(args, signal, place);
  await queue.run(keyOf(bridge.name, place), signal, async () => {
    let link = await findLink(bridge.name, signal, place);
    if (!link) {
      await ip('link', 'add', 'name', bridge.name, 'address', randomMac(), 'mtu', `${bridge.mtu}`, 'type', 'bridge')
        // Another process has been faster.
        .catch(unless(/File exists/));
      link = await findLink(bridge.name, signal, place);
    }
    if (!link)
      throw fail('network_unavailable', `bridge ${bridge.name} was removed as it was made`, { disposition: 'retry' });
    if (link.linkinfo?.info_kind !== 'bridge') throw notABridge(bridge.name);

    if (link.mtu !== bridge.mtu) await ip('link', 'set', 'dev', bridge.name, 'mtu', `${bridge.mtu}`);
    if (bridge.address !== undefined && !hasAddress(link, bridge.address)) {
      await ip('addr', 'add', bridge.address, 'dev', bridge.name).catch(unless(/File exists|already assigned/));
    }
    if (!link.flags.includes('UP')) await ip('link', 'set', 'dev', bridge.name, 'up');
  });
}

/** A no-op when there is none; rejects with `conflict` while it has ports. */
export async function removeBridge(name: string, signal: AbortSignal, place: Place = {}): Promise<void> {
  checkName(name);
  await queue.run(keyOf(name, place), signal, async () => {
    const link = await findLink(name, signal, place);
    if (!link) return;
    if (link.linkinfo?.info_kind !== 'bridge') throw notABridge(name);
    const ports = await listLinks(['link', 'show', 'master', name], signal, place);
    if (ports.length > 0) {
      const names = ports.map((port) => port.ifname);
      throw fail('conflict', `bridge ${name} still has ports: ${names.join(', ')}`, { details: { ports: names } });
    }
    await runIp(['link', 'del', 'dev', name, 'type', 'bridge'], signal, place).catch(unless(/Cannot find device/));
  });
}

function checkBridge({ name, address, mtu }: Bridge): void {
  checkName(name);
  if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65_535) throw invalid('mtu');
  if (address === undefined) return;
  const [ip = '', prefix = '', ...rest] = address.split('/');
  const longest = { 0: -1, 4: 32, 6: 128 }[isIP(ip)] ?? -1;
  if (rest.length > 0 || ip.includes('%') || !/^\d{1,3}$/.test(prefix) || Number(prefix) > longest) {
    throw invalid('address');
  }
}

function checkName(name: string): void {
  if (!namePattern.test(name)) throw invalid('name');
}

function invalid(field: string): FailureError {
  return fail('invalid_request', `the bridge has no valid ${field}`, { details: { field } });
}

function notABridge(name: string): FailureError {
  return fail('network_unavailable', `${name} exists on this host but is not a bridge`, { disposition: 'reschedule' });
}

function keyOf(name: string, { networkNamespace = '' }: Place): string {
  return `${networkNamespace}/${name}`;
}

function hasAddress(link: Link, address: string): boolean {
  return (link.addr_info ?? []).some(({ local, prefixlen }) => `${local}/${prefixlen}` === address);
}

/**
 * Locally administered, and set by us rather than by the kernel: a bridge otherwise takes the lowest MAC of its
 * ports, so that the gateway's MAC would change as guests come and go.
 */
function randomMac(): string {
  return ['02', ...Array.from(randomBytes(5), (byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

async function findLink(name: string, signal: AbortSignal, place: Place): Promise<Link | undefined> {
  try {
    const [link] = await listLinks(['addr', 'show', 'dev', name], signal, place);
    return link;
  } catch (thrown) {
    unless(/does not exist|Cannot find device/)(thrown);
    return undefined;
  }
}

async function listLinks(args: string[], signal: AbortSignal, place: Place): Promise<Link[]> {
  const stdout = await runIp(['-j', '-d', ...args], signal, place);
  // ip writes nothing at all, not even [], when some lists are empty.
  return stdout.trim() === '' ? [] : (JSON.parse(stdout) as Link[]);
}

async function runIp(args: string[], signal: AbortSignal, { networkNamespace }: Place): Promise<string> {
  try {
    return (await runInNamespace(networkNamespace, 'ip', args, { signal, deadlineMs })).stdout;
  } catch (thrown) {
    const failure = thrown instanceof FailureError ? thrown.failure : undefined;
    const trouble = failure && commandTrouble(failure);
    if (!failure || !trouble) throw thrown;
    const remedy =
      trouble.trouble === 'missing'
        ? 'install iproute2'
        : /Operation not permitted/.test(trouble.stderr)
          ? 'run as root, or with CAP_NET_ADMIN'
          : undefined;
    throw fail('network_unavailable', remedy ? `${failure.message}; ${remedy}` : failure.message, {
      disposition: 'reschedule',
      cause: failure,
    });
  }
}

/** For `catch`: swallows what says the work is done already, throws the rest on. */
function unless(alreadyDone: RegExp): (thrown: unknown) => undefined {
  return (thrown) => {
    const cause = thrown instanceof FailureError ? thrown.failure.cause : undefined;
    if (cause && alreadyDone.test(commandTrouble(cause)?.stderr ?? '')) return undefined;
    throw thrown;
  };
}
