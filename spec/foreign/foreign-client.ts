/**
 * A client that is not ours: it has a NATS connection and a token, knows the NATS micro protocol and JSON Schema, and
 * learns everything else from the service. What it is answered it checks with a validator that is not ours either.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { connect, headers, type Msg, type NatsConnection } from 'nats';
import type { JsonSchema, Listed } from './json-schema.ts';
import { valuesAt } from './json-schema.ts';

export interface KnownEndpoint {
  subject: string;
  /** From `$SRV.INFO`. */
  metadata: { description: string; access: string; kind: string; timeoutMs: string; schema: string };
  request: JsonSchema;
  maxBytes: number;
  /** The codes of the failures that it may answer. */
  failures: string[];
  accepts: ValidateFunction;
  acceptsReply: ValidateFunction;
  acceptsFailure: ValidateFunction;
}

export interface Answer {
  tookMs: number;
  body: unknown;
  failure?: { code: string; message: string; details?: { field?: string } };
  /** What is wrong with the answer itself: nothing should be. */
  complaint?: string;
}

export class ForeignClient {
  readonly connection: NatsConnection;
  readonly endpoints: readonly KnownEndpoint[];

  static async connect(url: string): Promise<ForeignClient> {
    const connection = await connect({ servers: url, name: 'foreign' });
    const info = await connection.request('$SRV.INFO.kilonova-api', '');
    const { endpoints } = info.json<{ endpoints: Pick<KnownEndpoint, 'subject' | 'metadata'>[] }>();
    const known = await Promise.all(endpoints.map((endpoint) => learn(connection, endpoint)));
    return new ForeignClient(connection, known);
  }

  private constructor(connection: NatsConnection, endpoints: readonly KnownEndpoint[]) {
    this.connection = connection;
    this.endpoints = endpoints;
  }

  endpoint(subject: string): KnownEndpoint {
    const found = this.endpoints.find((endpoint) => endpoint.subject === subject);
    if (!found) throw new Error(`there is no ${subject}`);
    return found;
  }

  /** Sends what it is given, and judges the answer. Rejects when there is none in the time that was promised. */
  async ask(endpoint: KnownEndpoint, payload: string | Uint8Array, authorization?: string): Promise<Answer> {
    const sent = headers();
    if (authorization !== undefined) sent.set('Authorization', authorization);
    const begin = performance.now();
    const message = await this.connection.request(endpoint.subject, payload, {
      timeout: Number(endpoint.metadata.timeoutMs),
      headers: sent,
    });
    const answer = judge(endpoint, message);
    return { tookMs: performance.now() - begin, ...answer };
  }

  /** What a reference may be: as the service itself lists it. */
  async listed({ subject, pointer }: Listed, authorization: string): Promise<unknown[]> {
    const { body, failure, complaint } = await this.ask(this.endpoint(subject), '{}', authorization);
    if (failure || complaint) throw new Error(`${subject} cannot be listed: ${failure?.message ?? complaint}`);
    return valuesAt(body, pointer);
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}

async function learn(
  connection: NatsConnection,
  { subject, metadata }: Pick<KnownEndpoint, 'subject' | 'metadata'>,
): Promise<KnownEndpoint> {
  const message = await connection.request(metadata.schema, JSON.stringify({ subject }), { timeout: 15_000 });
  const { endpoint } = message.json<{
    endpoint: { maxBytes: number; failures: string[]; request: JsonSchema; reply: JsonSchema; failure: JsonSchema };
  }>();
  const { maxBytes, failures, request, reply, failure } = endpoint;
  const ajv = new Ajv2020({ allErrors: false });
  addFormats.default(ajv);
  ajv.addKeyword('x-listed-by');
  ajv.addKeyword('x-allowed');
  return {
    ...{ subject, metadata, request, maxBytes, failures },
    accepts: ajv.compile(request),
    acceptsReply: ajv.compile(reply),
    acceptsFailure: ajv.compile(failure),
  };
}

function judge(endpoint: KnownEndpoint, message: Msg): Omit<Answer, 'tookMs'> {
  const { acceptsReply, acceptsFailure } = endpoint;
  const body: unknown = message.json();
  const status = message.headers?.get('Nats-Service-Error-Code') ?? '';
  if (status === '') {
    const isValid = acceptsReply(body);
    return { body, ...(!isValid && { complaint: `its schema refuses the reply: ${said(acceptsReply)}` }) };
  }
  if (!acceptsFailure(body)) return { body, complaint: `its schema refuses the failure: ${said(acceptsFailure)}` };
  const { failure } = body as { failure: NonNullable<Answer['failure']> };
  const complaint = !/^[45]\d\d$/.test(status)
    ? `the status is ${status}`
    : failure.code === 'internal'
      ? 'it calls itself a bug'
      : !endpoint.failures.includes(failure.code)
        ? `it never said that it answers ${failure.code}`
        : undefined;
  return { body, failure, ...(complaint && { complaint: `${complaint}: ${failure.message}` }) };
}

function said({ errors }: ValidateFunction): string {
  return (errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`).join('; ');
}
