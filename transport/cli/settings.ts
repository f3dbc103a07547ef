/**
 * What a process is told: by flags, else by `KILONOVA_…` in the environment, else by the configuration file, else a
 * default.
 */
import { isIP } from 'node:net';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseBlock } from '../../actors/network/ipv4.ts';
import { defaultMaxDeliveries } from '../nats/subjects.ts';

export interface Settings {
  state: string;
  nats?: string;
  natsWait: number;
  natsAddress: string;
  natsPort?: number;
  natsStore?: number;
  natsSync?: string;
  natsReplicas?: number;
  keepFacts?: number;
  natsTlsCert?: string;
  natsTlsKey?: string;
  natsCa?: string;
  creds?: string;
  httpAddress: string;
  httpPort?: number;
  httpTlsCert?: string;
  httpTlsKey?: string;
  httpTrustedProxies?: string;
  web?: string;
  hypervisor: 'auto' | 'libvirt' | 'simulated';
  libvirtUri?: string;
  virtType: 'auto' | 'kvm' | 'qemu';
  host: string;
  zone: string;
  nftTable: string;
  sharedDisks?: string;
  bridge: string;
  cidr: string;
  lostGuests: 'fail' | 'restart';
  rebootedGuests: 'leave' | 'start';
  unknownGuests: 'leave' | 'report' | 'destroy';
  simulatedHosts: number;
  simulatedLatency: number;
  policy: 'filter' | 'chance' | 'simple' | 'zone';
  maxAttempts: number;
  maxDeliveries: number;
  testImage: boolean;
  logLevel: string;
  logFile?: string;
  token?: string;
  tokenFile?: string;
  config?: string;
}

/** A gateway, a guest, and the two addresses at the ends that nobody may have. */
const longestPrefix = 30;

export function recoveryOf({ lostGuests, rebootedGuests, unknownGuests }: Settings) {
  return { lostGuests, rebootedGuests, unknownGuests };
}

/** Each is made once: a command has a setting when it has this very option. */
export const definitions = {
  state: setting('--state <folder>', 'where the cloud keeps its state').default(defaultState()),
  nats: new Option('--nats <url>', 'the NATS server to use').env('KILONOVA_NATS_URL'),
  natsWait: setting('--nats-wait <seconds>', 'how long to wait for a NATS server that is not there yet')
    .default(60)
    .argParser(wholeNumber(0)),
  natsAddress: setting(
    '--nats-address <ip>',
    'where the nats-server of our own listens; beyond loopback, --nats-tls-cert keeps others from reading along',
  )
    .default('127.0.0.1')
    .argParser(ipAddress),
  natsPort: setting('--nats-port <port>', 'for the nats-server of our own (default: 4222, or any free one)').argParser(
    portNumber,
  ),
  natsStore: setting(
    '--nats-store <size>',
    'what the state store may hold, as 512M or 20G: a tenth of it is kept for what there is (default: what the server says)',
  ).argParser(byteSize),
  natsSync: setting(
    '--nats-sync <when>',
    'when the nats-server of our own flushes to the disk: always, before it acknowledges, or an interval as 10s or 1m; ' +
      'from nats-server 2.10 on (default: what the server does, every two minutes)',
  ).argParser(matching(/^(always|[1-9]\d*(ms|s|m))$/, 'always, or an interval like 10s or 1m')),
  natsReplicas: setting(
    '--nats-replicas <count>',
    'on how many servers of a NATS cluster each record stands (default: as it is, and 1 of a new cloud)',
  ).argParser(wholeNumber(1)),
  keepFacts: setting(
    '--keep-facts <days>',
    'how long facts are kept (default: as it is, and 7 of a new cloud)',
  ).argParser(wholeNumber(1)),
  natsTlsCert: setting(
    '--nats-tls-cert <file>',
    'the certificate of the nats-server of our own, in PEM; also for 127.0.0.1, where this process reaches it',
  ),
  natsTlsKey: setting('--nats-tls-key <file>', 'the private key of that certificate'),
  natsCa: setting(
    '--nats-ca <file>',
    'who has to have signed the NATS server’s certificate, in PEM; then the connection has to be encrypted',
  ),
  creds: setting('--creds <file>', 'as which user of NATS to connect'),
  httpAddress: setting(
    '--http-address <ip>',
    'where the web server listens; beyond loopback, --http-tls-cert keeps others from reading along',
  )
    .default('127.0.0.1')
    .argParser(ipAddress),
  httpPort: setting('--http-port <port>', 'of the web server (default: 8780, or any free one)').argParser(portNumber),
  httpTlsCert: setting('--http-tls-cert <file>', 'the certificate of the web server, in PEM'),
  httpTlsKey: setting('--http-tls-key <file>', 'the private key of that certificate'),
  httpTrustedProxies: setting(
    '--http-trusted-proxies <blocks>',
    'addresses, or blocks of them, of the reverse proxies before the web server, as 127.0.0.1,10.0.0.0/8: what they say of ' +
      'who asks, and how, is believed (X-Forwarded-For, -Proto and -Host, which they have to set themselves; default: nobody)',
  ).argParser(addressBlocks),
  web: setting('--web <url>', 'the web server to use (default: that of the cloud on this machine)'),
  hypervisor: setting('--hypervisor <kind>', 'auto: libvirt where it can be had, else simulated')
    .choices(['auto', 'libvirt', 'simulated'])
    .default('auto'),
  libvirtUri: setting('--libvirt-uri <uri>', 'a libvirt that runs already, for example qemu:///system'),
  virtType: setting('--virt-type <type>', 'auto: kvm where a probe guest really boots, else qemu’s emulation')
    .choices(['auto', 'kvm', 'qemu'])
    .default('auto'),
  host: setting('--host <name>', 'the name of this compute host').default(hostname()),
  zone: setting('--zone <name>', 'the availability zone of this compute host').default('nova'),
  nftTable: setting('--nft-table <name>', 'the nftables table for the filters of this host’s guests')
    .default('kilonova')
    .argParser(matching(/^[a-z][a-z0-9_]{0,30}$/, 'a name for an nft table')),
  sharedDisks: setting(
    '--shared-disks <name>',
    'the folder compute of the state folder is on storage that all hosts with this name share (NFS, Ceph FS): what is evacuated from one to another keeps its disk',
  ).argParser(matching(/^[A-Za-z0-9_.-]{1,64}$/, 'a name of letters, digits, -, _ and .')),
  bridge: setting('--bridge <name>', 'the bridge of the first network of a new cloud')
    .default('kn-br0')
    .argParser(matching(/^[A-Za-z][A-Za-z0-9_.-]{0,14}$/, 'a name for a bridge')),
  cidr: setting('--cidr <block>', 'the addresses of the first network of a new cloud')
    .default('10.20.0.0/22')
    .argParser(blockWithRoom),
  lostGuests: setting(
    '--lost-guests <what>',
    'an instance that ran and of which the hypervisor has no domain any more: fail, or restart it from its disks',
  )
    .choices(['fail', 'restart'])
    .default('fail'),
  rebootedGuests: setting(
    '--rebooted-guests <what>',
    'guests that ran when the machine went down, and are off since it was booted: leave them off, or start them',
  )
    .choices(['leave', 'start'])
    .default('leave'),
  unknownGuests: setting(
    '--unknown-guests <what>',
    'guests that this host has made and of which there is no record: leave, report or destroy them',
  )
    .choices(['leave', 'report', 'destroy'])
    .default('report'),
  simulatedHosts: setting('--simulated-hosts <count>', 'how many simulated hosts to run')
    .default(1)
    .argParser(wholeNumber(1)),
  simulatedLatency: setting('--simulated-latency <ms>', 'how long each step of a simulated hypervisor takes')
    .default(0)
    .argParser(wholeNumber(0)),
  policy: setting('--policy <name>', 'how the scheduler chooses')
    .choices(['filter', 'chance', 'simple', 'zone'])
    .default('filter'),
  maxAttempts: setting('--max-attempts <count>', 'how many hosts a launch may try')
    .default(3)
    .argParser(wholeNumber(1)),
  maxDeliveries: setting('--max-deliveries <count>', 'how often a cast is tried before it is a dead letter')
    .default(defaultMaxDeliveries)
    .argParser(wholeNumber(1)),
  testImage: new Option('--no-test-image', 'do not build and register the test image'),
  logLevel: setting('--log-level <level>', 'what is worth a line of the structured log')
    .choices(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('warn'),
  logFile: setting('--log-file <file>', 'where the log goes, instead of standard error'),
  token: setting('--token <secret>', 'who asks; a file keeps it from the list of processes'),
  tokenFile: setting('--token-file <file>', 'a file that holds the token (default: admin-token in the state folder)'),
  config: setting('--config <file>', 'settings in TOML, by the names of their flags'),
} satisfies Record<keyof Settings, Option>;

/** The configuration file may say what each of them is, so each command that has any knows where it is. */
export function withSettings(command: Command, names: readonly (keyof Settings)[]): Command {
  for (const name of new Set([...names, 'config' as const]))
    command.addOption(definitions[name].helpGroup('Settings:'));
  return command;
}

/** For root where services keep their state, else in the home folder. */
export function defaultState(): string {
  if (process.getuid?.() === 0) return '/var/lib/kilonova';
  return join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local', 'state'), 'kilonova');
}

/** `--nats-port` is KILONOVA_NATS_PORT in the environment. */
function setting(flags: string, description: string): Option {
  const option = new Option(flags, description);
  return option.env(`KILONOVA_${option.name().toUpperCase().replaceAll('-', '_')}`);
}

function matching(pattern: RegExp, what: string) {
  return (text: string): string => {
    if (!pattern.test(text)) throw new InvalidArgumentError(`It must be ${what}.`);
    return text;
  };
}

function ipAddress(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError('It must be an IP address of this machine, or 0.0.0.0 for all.');
  return text;
}

/** `10.0.0.0/8,::1` */
function addressBlocks(text: string): string {
  const blocks = text.split(',').map((block) => block.trim());
  const wrong = blocks.find((block) => !isBlock(block));
  if (wrong !== undefined) {
    throw new InvalidArgumentError(
      `${JSON.stringify(wrong)} must be an IP address, or a block of them like 10.0.0.0/8; several with commas between.`,
    );
  }
  return blocks.join(',');
}

/** A length of 0 is refused as what is easily written by mistake; how far to trust is otherwise for the operator to say. */
function isBlock(text: string): boolean {
  const [, address = '', length] = /^([^/]+?)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const longest = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0;
  return longest > 0 && (length === undefined || (Number(length) > 0 && Number(length) <= longest));
}

const unitBytes = { K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 } as const;
/** Of less, a tenth is no reserve. */
const leastStoreBytes = 64 * unitBytes.M;

function byteSize(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)([KMGT]?)(?:i?B)?$/.exec(text) ?? [];
  const bytes = Number(digits) * (unit === '' ? 1 : unitBytes[unit as keyof typeof unitBytes]);
  if (digits === '' || bytes < leastStoreBytes || !Number.isSafeInteger(bytes)) {
    throw new InvalidArgumentError('It must be a number of bytes, like 512M or 20G, and at least 64M.');
  }
  return bytes;
}

function blockWithRoom(text: string): string {
  const block = parseBlock(text);
  if (!block || block.prefixLength > longestPrefix) {
    throw new InvalidArgumentError('It must be a block of IPv4 addresses with room for guests, like 10.20.0.0/22.');
  }
  return text;
}

function portNumber(text: string): number {
  const port = wholeNumber(0)(text);
  if (port > 65_535) throw new InvalidArgumentError('It must be a port: at most 65535, and 0 for any free one.');
  return port;
}

function wholeNumber(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least)
      throw new InvalidArgumentError(`It must be a whole number from ${least}.`);
    return value;
  };
}
