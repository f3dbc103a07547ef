/** How an endpoint of the API is declared. */
import Type, { type Static, type TSchema } from 'typebox';
import type { FailureCode } from '../../../machines/failure.ts';
import { apiPrefix } from '../../nats/api-prefix.ts';
import { type Call, defineCall } from '../kinds.ts';

/**
 * Who may ask: anyone, even without a token; whoever has a role in the token's project; who has one that may change
 * things; administrators.
 */
export type Access = 'anyone' | 'reader' | 'member' | 'admin';

/** The annotation that `Of` makes. */
const listedBy = 'x-listed-by';

export interface Endpoint<Request, Reply> extends Call<Request, Reply> {
  readonly resource: string;
  readonly verb: string;
  /** Part of the reference. */
  readonly description: string;
  readonly access: Access;
  /** A read is answered by an API server from its views; a write is relayed to a cloud controller. */
  readonly kind: 'read' | 'write';
  /** The codes of the failures that it may answer. */
  readonly failures: readonly FailureCode[];
}

interface Declaration<Q extends TSchema, R extends TSchema> {
  /** `<resource>.<verb>`, as in the subject. */
  name: string;
  description: string;
  request: Q;
  reply: R;
  access?: Access;
  /** How long a client should wait for the answer (ms). */
  timeoutMs?: number;
  /** What a request may weigh, in bytes. */
  maxBytes?: number;
  /** The codes that are its own: `failuresOf` knows those that follow from the rest. */
  failures?: readonly FailureCode[];
}

/** An endpoint that only looks. Any role will do, unless said otherwise. */
export function read<Q extends TSchema, R extends TSchema>(declaration: Declaration<Q, R>) {
  return endpoint('read', { access: 'reader', ...declaration });
}

/** An endpoint that changes something. It needs a role that may, unless said otherwise. */
export function write<Q extends TSchema, R extends TSchema>(declaration: Declaration<Q, R>) {
  return endpoint('write', { access: 'member', ...declaration });
}

function endpoint<Q extends TSchema, R extends TSchema>(
  kind: 'read' | 'write',
  declaration: Declaration<Q, R> & { access: Access },
): Endpoint<Static<Q>, Static<R>> {
  const { name, description, request, reply, access, timeoutMs = 15_000, maxBytes } = declaration;
  const [resource = '', verb = ''] = name.split('.');
  const limits = { timeoutMs, ...(maxBytes !== undefined && { maxBytes }) };
  const failures = failuresOf(kind, declaration);
  return { ...defineCall(name, request, reply, limits), resource, verb, description, access, kind, failures };
}

/** What is refused wherever somebody must be somebody, something is referred to, or somebody else is asked. */
function failuresOf(
  kind: 'read' | 'write',
  { access, request, failures = [] }: Declaration<TSchema, TSchema>,
): readonly FailureCode[] {
  const refers = JSON.stringify(request).includes(listedBy);
  return [
    ...new Set<FailureCode>([
      'invalid_request',
      ...(access === 'anyone' ? [] : (['unauthenticated', 'forbidden'] as const)),
      ...(refers ? (['not_found'] as const) : []),
      ...(refers || kind === 'write' ? (['conflict'] as const) : []),
      ...failures,
      ...(kind === 'write' ? (['unavailable', 'timeout'] as const) : []),
      'internal',
    ]),
  ];
}

/**
 * A field that refers to something which another endpoint lists: `pointer` is where its values stand in that reply, `*`
 * for each element. It is how a client that knows only the schemas finds a value.
 */
export function Of<S extends TSchema>(list: string, pointer: string, schema: S): S {
  return Type.Unsafe({ ...schema, [listedBy]: { subject: `${apiPrefix}.${list}`, pointer } }) as unknown as S;
}
