/**
 * The calls and events of libvirt's remote protocol (remote_protocol.x) that are spoken here: their numbers, and the
 * XDR types of what goes there and comes back. Field names and constants are libvirt's, in camel case.
 */
import {
  array,
  fixedArray,
  fixedOpaque,
  int,
  mapped,
  nothing,
  optional,
  string,
  struct,
  uhyper,
  uint,
  type XdrType,
  type XdrValue,
} from './xdr.ts';

/** REMOTE_STRING_MAX, bytes. */
const text = string(4 * 1024 * 1024);
/** REMOTE_DOMAIN_LIST_MAX. */
const maxDomains = 16_384;
/** REMOTE_AUTH_TYPE_LIST_MAX. */
const maxAuthTypes = 20;

/** Sixteen bytes on the wire, the usual 36 characters everywhere else. */
export const uuid = mapped<Uint8Array, string>(fixedOpaque(16), {
  encode: (value) => Buffer.from(value.replaceAll('-', ''), 'hex'),
  decode: (value) => {
    const hex = Buffer.from(value).toString('hex');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  },
});

/** What names a domain in a call. The daemon goes by the uuid; `id` is -1 while the domain does not run. */
export const domain = struct({ name: text, uuid, id: int });
export type DomainRef = XdrValue<typeof domain>;

const otherObject = struct({ name: text, uuid });

/** The payload of a reply whose status is error. */
export const remoteError = struct({
  code: int,
  domain: int,
  message: optional(text),
  level: int,
  dom: optional(domain),
  str1: optional(text),
  str2: optional(text),
  str3: optional(text),
  int1: int,
  int2: int,
  net: optional(otherObject),
});
export type RemoteError = XdrValue<typeof remoteError>;

export interface Procedure<A, R> {
  number: number;
  /** For messages: `domainCreate`. */
  name: string;
  args: XdrType<A>;
  result: XdrType<R>;
}

export interface RemoteEvent<E> {
  number: number;
  name: string;
  payload: XdrType<E>;
}

function procedure<A, R>(number: number, name: string, args: XdrType<A>, result: XdrType<R>): Procedure<A, R> {
  return { number, name, args, result };
}

const onDomain = struct({ domain });
const onDomainWithFlags = struct({ domain, flags: uint });
const device = struct({ domain, xml: text, flags: uint });
const domainResult = struct({ domain });

/** `char model[32]`, each character in a word of its own. */
const cpuModel = mapped<number[], string>(fixedArray(int, 32), {
  encode: (value) => Array.from({ length: 32 }, (_, index) => value.charCodeAt(index) || 0),
  decode: (value) => String.fromCharCode(...value.filter((character) => character > 0)),
});

const nodeInfo = struct({
  model: cpuModel,
  /** KiB. */
  memory: uhyper,
  cpus: int,
  mhz: int,
  nodes: int,
  sockets: int,
  cores: int,
  threads: int,
});
export type NodeInfo = XdrValue<typeof nodeInfo>;

export const procedures = {
  authList: procedure(66, 'authList', nothing, struct({ types: array(int, maxAuthTypes) })),
  open: procedure(1, 'open', struct({ name: optional(text), flags: uint }), nothing),
  close: procedure(2, 'close', nothing, nothing),
  supportsFeature: procedure(60, 'supportsFeature', struct({ feature: int }), struct({ supported: int })),

  version: procedure(4, 'version', nothing, struct({ version: uhyper })),
  libraryVersion: procedure(157, 'libraryVersion', nothing, struct({ version: uhyper })),
  hostname: procedure(59, 'hostname', nothing, struct({ hostname: text })),
  nodeInfo: procedure(6, 'nodeInfo', nothing, nodeInfo),
  capabilities: procedure(7, 'capabilities', nothing, struct({ capabilities: text })),

  listDomains: procedure(
    273,
    'listDomains',
    struct({ needResults: int, flags: uint }),
    struct({ domains: array(domain, maxDomains), count: uint }),
  ),
  domainByName: procedure(23, 'domainByName', struct({ name: text }), domainResult),
  domainByUuid: procedure(24, 'domainByUuid', struct({ uuid }), domainResult),
  domainState: procedure(212, 'domainState', onDomainWithFlags, struct({ state: int, reason: int })),
  domainControl: procedure(
    229,
    'domainControl',
    onDomainWithFlags,
    struct({ state: uint, details: uint, stateTime: uhyper }),
  ),
  domainXml: procedure(14, 'domainXml', onDomainWithFlags, struct({ xml: text })),
  domainMetadata: procedure(
    265,
    'domainMetadata',
    struct({ domain, type: int, uri: optional(text), flags: uint }),
    struct({ metadata: text }),
  ),
  hasManagedSave: procedure(183, 'hasManagedSave', onDomainWithFlags, struct({ result: int })),

  defineDomain: procedure(11, 'defineDomain', struct({ xml: text }), domainResult),
  createDomain: procedure(196, 'createDomain', onDomainWithFlags, domainResult),
  shutdownDomain: procedure(33, 'shutdownDomain', onDomain, nothing),
  rebootDomain: procedure(27, 'rebootDomain', onDomainWithFlags, nothing),
  suspendDomain: procedure(34, 'suspendDomain', onDomain, nothing),
  resumeDomain: procedure(28, 'resumeDomain', onDomain, nothing),
  managedSave: procedure(182, 'managedSave', onDomainWithFlags, nothing),
  destroyDomain: procedure(234, 'destroyDomain', onDomainWithFlags, nothing),
  undefineDomain: procedure(231, 'undefineDomain', onDomainWithFlags, nothing),
  attachDevice: procedure(160, 'attachDevice', device, nothing),
  detachDevice: procedure(161, 'detachDevice', device, nothing),

  /** Opens a stream. `device` is the alias of a console; absent: the first one. */
  openConsole: procedure(201, 'openConsole', struct({ domain, device: optional(text), flags: uint }), nothing),

  registerEvent: procedure(
    316,
    'registerEvent',
    struct({ eventId: int, domain: optional(domain) }),
    struct({ callbackId: int }),
  ),
};

export const remoteEvents = {
  lifecycle: remoteEvent(318, 'lifecycle', struct({ callbackId: int, domain, event: int, detail: int })),
  reboot: remoteEvent(319, 'reboot', struct({ callbackId: int, domain })),
  deviceRemoved: remoteEvent(333, 'deviceRemoved', struct({ callbackId: int, domain, alias: text })),
};

function remoteEvent<E>(number: number, name: string, payload: XdrType<E>): RemoteEvent<E> {
  return { number, name, payload };
}
