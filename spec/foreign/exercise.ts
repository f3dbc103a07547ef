/** Asks a cloud everything that its schemas allow, and everything that they do not, and keeps what was wrong. */
import type { Answer, ForeignClient, KnownEndpoint } from './foreign-client.ts';
import type { Listed } from './json-schema.ts';
import { type Mutation, mutate, mutateWire } from './mutations.ts';
import type { Random } from './random.ts';
import { inBase64, secretMark, validValue } from './valid-values.ts';

/** `Authorization` of whoever asks. */
export interface Who {
  operator: string;
  member: string;
  reader: string;
  /** Worth nothing: none, malformed, unknown, expired. */
  nobodies: (string | undefined)[];
}

/** How many requests are under way at a time. */
const width = 16;
/** How often a round makes something of each kind, so that the rest of it has something to refer to. */
const creates = 4;

export class Exercise {
  readonly #client: ForeignClient;
  readonly #who: Who;
  readonly #random: Random;
  /** What is not to be changed: who asks, and what is needed to the end. */
  readonly #kept: ReadonlySet<unknown>;
  #lists = new Map<string, Promise<unknown[]>>();
  /** What was wrong, at most once an endpoint and kind. */
  readonly complaints = new Map<string, string>();
  readonly succeeded = new Set<string>();
  readonly secrets: string[] = [];
  readonly counts = { valid: 0, invalid: 0, unauthorized: 0, secret: 0, slowestMs: 0 };

  constructor(client: ForeignClient, who: Who, random: Random, kept: ReadonlySet<unknown>) {
    this.#client = client;
    this.#who = who;
    this.#random = random;
    this.#kept = kept;
  }

  /** Asks each endpoint with valid requests: first what makes something, last what takes it away. */
  async validRound(): Promise<void> {
    for (const endpoint of this.#client.endpoints.toSorted((a, b) => turnOf(a) - turnOf(b)))
      for (let times = turnOf(endpoint) === 0 ? creates : 1; times > 0; times--) await this.#askValid(endpoint);
  }

  async #askValid(endpoint: KnownEndpoint): Promise<void> {
    this.#lists.clear();
    const asker = this.#asker(endpoint);
    const body = await this.#bodyFor(endpoint, asker);
    const payload = JSON.stringify(body);
    if (!endpoint.accepts(body)) throw new Error(`${endpoint.subject}: not a valid request: ${payload}`);
    const answer = await this.#ask(endpoint, payload, asker);
    this.counts.valid += 1;
    if (answer.failure) return;
    this.succeeded.add(endpoint.subject);
    if (payload.includes(secretMark) || payload.includes(inBase64(secretMark))) this.counts.secret += 1;
    const { secret, privateKey } = Object(answer.body) as { secret?: string; privateKey?: string };
    if (secret) this.secrets.push(secret);
    if (privateKey) this.secrets.push(...privateKey.split('\n').slice(1, -2));
  }

  /** Asks each endpoint so often with a request that is broken in one place. */
  async invalidRound(times: number): Promise<void> {
    this.#lists.clear();
    for (const endpoint of this.#client.endpoints) {
      const requests = Array.from({ length: times }, async () => {
        const body = await this.#bodyFor(endpoint);
        const isWire = this.#random.chance(0.15);
        return isWire
          ? mutateWire(body, endpoint.maxBytes, this.#random)
          : mutate(endpoint.request, body, this.#random);
      });
      await this.#several(await Promise.all(requests), (request) => this.#askBroken(endpoint, request));
    }
  }

  /** Asks each endpoint with every token that is not enough. */
  async unauthorizedRound(): Promise<void> {
    const { operator, member, reader, nobodies } = this.#who;
    for (const endpoint of this.#client.endpoints) {
      const { access } = endpoint.metadata;
      if (access === 'anyone') continue;
      const payload = this.#random.chance(0.5) ? JSON.stringify(await this.#bodyFor(endpoint)) : '{"surprise":1}';
      const tooLittle = { admin: [member, reader], member: [reader], reader: [] }[access] ?? [operator];
      const cases = [...nobodies.map((who) => ['unauthenticated', who]), ...tooLittle.map((who) => ['forbidden', who])];
      await this.#several(cases, async ([code = '', who]) => {
        const { failure } = await this.#ask(endpoint, payload, who);
        this.counts.unauthorized += 1;
        if (failure?.code !== code) this.#complain(endpoint, `${who} is answered ${failure?.code}, not ${code}`);
      });
    }
  }

  async #askBroken(endpoint: KnownEndpoint, { what, field: place, payload }: Mutation): Promise<void> {
    // What is too long is not even read.
    const field = Buffer.byteLength(payload) > endpoint.maxBytes ? '' : place;
    const answer = await this.#ask(endpoint, payload, this.#asker(endpoint));
    this.counts.invalid += 1;
    // What is valid all the same may be answered in any valid way.
    if (isAccepted(endpoint, payload)) return;
    const { code, details } = answer.failure ?? {};
    const named = details?.field ?? 'nothing';
    if (code !== 'invalid_request') this.#complain(endpoint, `${what} is answered ${code ?? 'a success'}`);
    else if (!isWithin(named, field)) this.#complain(endpoint, `${what} is blamed on ${named}, not ${field}`);
  }

  async #ask(endpoint: KnownEndpoint, payload: string | Uint8Array, who: string | undefined): Promise<Answer> {
    try {
      const answer = await this.#client.ask(endpoint, payload, who);
      this.counts.slowestMs = Math.max(this.counts.slowestMs, answer.tookMs);
      if (answer.complaint) this.#complain(endpoint, `${answer.complaint}, for ${String(payload).slice(0, 300)}`);
      const text = JSON.stringify(answer.body);
      if (text.includes(secretMark)) this.#complain(endpoint, `a secret is answered: ${text.slice(0, 300)}`);
      return answer;
    } catch (error) {
      this.#complain(endpoint, `${error} for ${String(payload).slice(0, 300)}`);
      return { tookMs: 0, body: {}, failure: { code: 'none', message: String(error) } };
    }
  }

  async #bodyFor(endpoint: KnownEndpoint, asker = this.#asker(endpoint)): Promise<Record<string, unknown>> {
    const optional = this.#random.pick([0, 0.2, 0.6]);
    const source = {
      random: this.#random,
      listed: async (reference: Listed) => {
        const values = await this.#listed(reference, asker);
        return couldHarm(endpoint, reference) ? values.filter((value) => !this.#kept.has(value)) : values;
      },
    };
    return (await validValue(endpoint.request, source, { optional })) as Record<string, unknown>;
  }

  #listed(reference: Listed, asker: string): Promise<unknown[]> {
    const isForAdmin = this.#client.endpoint(reference.subject).metadata.access === 'admin';
    const reader = isForAdmin ? this.#who.operator : asker;
    const key = JSON.stringify([reference, reader]);
    const known = this.#lists.get(key) ?? this.#client.listed(reference, reader);
    this.#lists.set(key, known);
    return known;
  }

  #asker({ metadata: { access } }: KnownEndpoint): string {
    const { operator, member } = this.#who;
    return access === 'admin' || this.#random.chance(0.1) ? operator : member;
  }

  async #several<T>(tasks: readonly T[], work: (task: T) => Promise<void>): Promise<void> {
    const left = tasks.values();
    const worker = async () => {
      for (const task of left) await work(task);
    };
    await Promise.all(Array.from({ length: width }, worker));
  }

  #complain({ subject }: KnownEndpoint, text: string): void {
    const key = `${subject} ${text.slice(0, 24)}`;
    if (!this.complaints.has(key)) this.complaints.set(key, `${subject}: ${text}`);
  }
}

/** Whether the endpoint changes what the reference names. */
function couldHarm({ subject, metadata: { kind, access } }: KnownEndpoint, reference: Listed): boolean {
  const resourceOf = (name: string) => name.split('.').at(-2);
  return kind === 'write' && (access === 'admin' || resourceOf(subject) === resourceOf(reference.subject));
}

/** What makes something comes before what uses it, and that before what takes it away. */
function turnOf({ subject }: KnownEndpoint): number {
  const verb = subject.split('.').at(-1) ?? '';
  if (verb === 'create') return 0;
  return /^(delete|revoke|remove-)/.test(verb) ? 2 : 1;
}

function isAccepted(endpoint: KnownEndpoint, payload: string | Uint8Array): boolean {
  if (Buffer.byteLength(payload) > endpoint.maxBytes) return false;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(payload));
    return endpoint.accepts(JSON.parse(text));
  } catch {
    return false;
  }
}

/** Whether the field that is blamed is the one at fault, or a part of it. */
function isWithin(named: string, field: string): boolean {
  return field === '' ? named === '' : named === field || named.startsWith(`${field}/`);
}
