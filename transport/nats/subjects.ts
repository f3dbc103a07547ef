/**
 * Every NATS subject, stream and bucket name of Kilonova is built and parsed here, and nowhere else.
 *
 * ```
 * cloud.api.v1.<resource>.<verb>           a client's request, to any API server
 * cloud.forwarded.<resource>.<verb>        a request that a web server was sent, forwarded to any API server
 * cloud.controller.call.<resource>.<verb>  a client's request that changes something, to any cloud controller
 * cloud.controller.host.<host>.<name>      what one host asks any cloud controller
 * cloud.network.call.<name>                what the control plane asks any network controller
 * cloud.network.host.<host>.<name>         what one host asks any network controller
 * cloud.scheduler.cast.<name>              to any scheduler, through the work queue
 * cloud.compute.<host>.call.<name>         to one host
 * cloud.compute.<host>.cast.<name>         to one host, through the work queue
 * cloud.compute.<host>.console.<link>      what is typed at the console of a guest of that host
 * cloud.fact.instance.<project>.<uuid>     what happened to an instance
 * cloud.fact.host.<host>                   what happened to a host
 * cloud.fact.alarm.<kind>                  what an operator should look at
 * cloud.inspect.watch                      somebody wants to see what machines do
 * cloud.inspect.frame.<part>.<process>     what those of one process do
 * cloud.image.<image>.<file>.<offset>      a chunk of an image's file, stored until the file is put together
 * cloud.inbox.<part>.>                     answers to a part that has a user of its own
 * _INBOX.<user>.>                          answers to a client that has one
 * $KV.<bucket>.<key>                       a record that is stored
 * ```
 */
import { apiPrefix } from './api-prefix.ts';

/** A token that stands for others: a wildcard, or what nats-server puts in its place for each user. */
export class Placeholder {
  readonly token: string;

  constructor(token: string) {
    this.token = token;
  }
}

export const any = new Placeholder('*');
/** In the permissions of a role: the name, the public key, and the tags of the user. */
export const ofUser = {
  name: new Placeholder('{{name()}}'),
  key: new Placeholder('{{subject()}}'),
  host: new Placeholder('{{tag(host)}}'),
  project: new Placeholder('{{tag(project)}}'),
} as const;

type Token = string | Placeholder;

const apis = 'cloud.api.>';
const forwarded = 'cloud.forwarded.*.*';

export const streams = {
  /** Casts: a work queue, each message is removed when its consumer has acknowledged it. */
  casts: { name: 'CLOUD_CASTS', subjects: ['cloud.scheduler.cast.>', 'cloud.compute.*.cast.>'] },
  /** Facts: kept for a time, for anyone who may read them. */
  facts: { name: 'CLOUD_FACTS', subjects: ['cloud.fact.>'] },
  /** Files that are being uploaded: the latest of each chunk. */
  imageChunks: { name: 'CLOUD_IMAGE_CHUNKS', subjects: ['cloud.image.*.*.*'] },
} as const;

/** The stream that a key-value bucket is. */
export const bucketStream = (bucket: string) => `KV_${bucket}`;

/** The object store that holds the files of images; its stream, and the subjects of the bytes of one file, or of all. */
export const imageObjects = {
  store: 'cloud_images',
  stream: 'OBJ_cloud_images',
  bytes: (id?: string) => `$O.cloud_images.C.${id === undefined ? '*' : token(id)}`,
  everything: '$O.cloud_images.>',
} as const;

export const subjects = {
  api: (resource: string, verb: string) => `${apiPrefix}.${token(resource)}.${token(verb)}`,
  apis: () => apis,
  /** Only web servers may publish this: who is asked knows by it that no other client asks. */
  forwarded: (resource: Token, verb: Token) => `cloud.forwarded.${token(resource)}.${token(verb)}`,
  controllerCall: (resource: Token, verb: Token) => `cloud.controller.call.${token(resource)}.${token(verb)}`,
  networkCall: (name: Token) => `cloud.network.call.${token(name)}`,
  /** The host's user may publish this, and of no other host: who is asked knows by it who asks. */
  hostCall: (part: 'controller' | 'network', host: Token, name: Token) =>
    `cloud.${part}.host.${encodeToken(host)}.${token(name)}`,
  schedulerCast: (name: string) => `cloud.scheduler.cast.${token(name)}`,
  schedulerCasts: () => 'cloud.scheduler.cast.>',
  computeCall: (host: Token, name: Token) => `cloud.compute.${encodeToken(host)}.call.${token(name)}`,
  computeCast: (host: Token, name: Token) => `cloud.compute.${encodeToken(host)}.cast.${token(name)}`,
  computeCasts: (host: Token) => `cloud.compute.${encodeToken(host)}.cast.>`,
  consoleInput: (host: Token, linkId: Token) => `cloud.compute.${encodeToken(host)}.console.${token(linkId)}`,
  instanceFact: (projectId: Token, uuid: Token) => `cloud.fact.instance.${encodeToken(projectId)}.${token(uuid)}`,
  facts: () => 'cloud.fact.>',
  /** Of a project; without one, of all. */
  instanceFacts: (projectId?: Token) =>
    `cloud.fact.instance.${projectId === undefined ? '*' : encodeToken(projectId)}.*`,
  record: (bucket: string, key: string) => `$KV.${token(bucket)}.${key}`,
  records: (bucket: string) => `$KV.${token(bucket)}.>`,
  imageChunk: (image: string, file: string, offset: number) =>
    `cloud.image.${token(image)}.${token(file)}.${token(String(offset))}`,
  /** Of a file, of an image, or of all. */
  imageChunks: (image?: string, file?: string) =>
    `cloud.image.${image === undefined ? '*' : token(image)}.${file === undefined ? '*' : token(file)}.*`,
  hostFacts: () => 'cloud.fact.host.*',
  hostFact: (host: Token) => `cloud.fact.host.${encodeToken(host)}`,
  alarms: () => 'cloud.fact.alarm.*',
  alarm: (kind: string) => `cloud.fact.alarm.${token(kind)}`,
  inspectionWatch: () => 'cloud.inspect.watch',
  /** A part is known by its user's name, as below: no other may speak for its processes. */
  inspectionFrame: (part: Token, process: Token) =>
    `cloud.inspect.frame.${part instanceof Placeholder ? part.token : part}.${token(process)}`,
  /** Below these come the answers. A part is known by its user's name, which is a token as it is. */
  partInbox: (user: Token) => `cloud.inbox.${user instanceof Placeholder ? user.token : user}`,
  clientInbox: (key: Token) => `_INBOX.${token(key)}`,
} as const;

/** The subjects of facts as the reference writes them: what stands in braces is a token. */
export const factPatterns = {
  instance: 'cloud.fact.instance.{project}.{uuid}',
  host: 'cloud.fact.host.{host}',
  alarm: 'cloud.fact.alarm.{kind}',
} as const;

/** The name of the durable consumer of a part's casts. */
export const consumers = {
  scheduler: () => 'scheduler',
  compute: (host: string) => `compute-${encodeToken(host)}`,
  /** Whose cast it is. */
  of: (cast: string) => (cast.startsWith('cloud.scheduler.') ? consumers.scheduler() : `compute-${cast.split('.')[2]}`),
} as const;

/** Of what a fact is told. */
export type FactSubject =
  | { kind: 'instance'; projectId: string }
  /** For operators. */
  | { kind: 'host' | 'alarm' };

export function parseFact(subject: string): FactSubject {
  const [, , kind, project = ''] = subject.split('.');
  if (kind === 'instance') return { kind, projectId: decodeToken(project) };
  return { kind: kind === 'host' ? kind : 'alarm' };
}

/** How often a cast is tried, which takes some six minutes, unless it is said otherwise. */
export const defaultMaxDeliveries = 20;

/** Whose chunk a subject is of, and where in its file. */
export function parseImageChunk(subject: string): { image: string; offset: number } {
  const [, , image = '', , offset = ''] = subject.split('.');
  return { image, offset: Number(offset) };
}

/** The process that a frame of an inspection is of, by a name that no other has. */
export function inspectedProcess(subject: string): string {
  return subject.split('.').slice(3).join('-');
}

/** The message's name: the last token of a call's or cast's subject. */
export function nameOf(subject: string): string {
  return subject.slice(subject.lastIndexOf('.') + 1);
}

/** As the server matches: `*` is one token, `>` is one or more. */
export function matches(subject: string, pattern: string): boolean {
  if (subject === pattern) return true;
  const tokens = subject.split('.');
  const wanted = pattern.split('.');
  const isOpen = wanted.at(-1) === '>';
  if (isOpen ? tokens.length < wanted.length : tokens.length !== wanted.length) return false;
  return wanted.every(
    (each, index) => each === '*' || each === tokens[index] || (isOpen && index === wanted.length - 1),
  );
}

/** The host that asks. */
export function askingHost(subject: string): string {
  return decodeToken(subject.split('.')[3] ?? '');
}

const plain = /^[A-Za-z0-9_-]+$/;

/**
 * Where an answer to a client may go. A client chooses that, and what answers may publish more than the client: an
 * answer among the subjects of the cloud, or of JetStream, would be taken for a message or a record.
 */
export function isForAnswers(subject: string): boolean {
  return !/^(cloud\.|\$)/.test(subject);
}

/** Below which its client has all of its answers, by what is usual. */
export function inboxOf(reply: string): string {
  return reply.split('.', 2).join('.');
}

/** Whether it is the API that is asked there. */
export function isApi(subject: string): boolean {
  return matches(subject, apis) || isForwarded(subject);
}

/** Whether a web server asks there for somebody. */
export function isForwarded(subject: string): boolean {
  return matches(subject, forwarded);
}

/** Whether the subject is one below which somebody has their answers; see `Bus.newInbox`. */
export function isInbox(subject: string): boolean {
  return /^(cloud\.inbox|_INBOX)(\.=?[A-Za-z0-9_-]+)+$/.test(subject);
}

/** Whether the subject is one of a cast, to a scheduler or to a host: and no pattern of such. */
export function isCast(subject: string): boolean {
  return /^cloud\.(scheduler|compute\.=?[A-Za-z0-9_-]+)\.cast\.[A-Za-z0-9_-]+$/.test(subject);
}

/** Free text (a host name, a project id) as one token: itself when it is plain, else `=` and its bytes in base64url. */
export function encodeToken(text: Token): string {
  if (text instanceof Placeholder) return text.token;
  if (plain.test(text)) return text;
  return `=${Buffer.from(text, 'utf8').toString('base64url')}`;
}

export function decodeToken(encoded: string): string {
  if (!encoded.startsWith('=')) return encoded;
  return Buffer.from(encoded.slice(1), 'base64url').toString('utf8');
}

function token(text: Token): string {
  if (text instanceof Placeholder) return text.token;
  if (!plain.test(text)) throw new TypeError(`${JSON.stringify(text)} is not a subject token`);
  return text;
}
