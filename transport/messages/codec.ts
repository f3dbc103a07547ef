/**
 * Turns a schema into what both ends of a message use: bytes → checked value, checked value → bytes.
 * Schemas are TypeBox, compiled at first use; they are JSON Schema, so the public reference is made from the same objects.
 */
import type { Static, TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { Settings } from 'typebox/system';
import { type FailureError, fail } from '../../machines/failure.ts';

/** What a message may weigh, in bytes, unless its codec says otherwise. */
export const defaultMaxBytes = 512 * 1024;

/** What is quoted of a field's name, in characters: a refusal must not outgrow the message that it refuses. */
const maxFieldLength = 256;

export interface Codec<T> {
  readonly name: string;
  readonly schema: TSchema;
  /** What a message may weigh when it is read. */
  readonly maxBytes: number;
  /** Bytes from the wire → value. Throws `invalid_request`, naming the field; the empty name is the whole message. */
  decode(bytes: Uint8Array): T;
  /** A value of unknown origin → the same value, checked. Throws `invalid_request`, naming the field. */
  check(value: unknown): T;
  /** Value → JSON. A value that its own schema refuses is a bug of the sender: throws TypeError. */
  encode(value: T): string;
}

// Enough for what is wrong with each alternative of a union: which of them was meant is found by comparing.
Settings.Set({ maxErrors: 32 });

const utf8 = new TextDecoder('utf-8', { fatal: true });

export function codec<S extends TSchema>(
  name: string,
  schema: S,
  { maxBytes = defaultMaxBytes } = {},
): Codec<Static<S>> {
  let compiled: Validator | undefined;
  // At first use: a process needs few of all the messages that there are, and compiling all of them takes half a second.
  function validator(): Validator {
    compiled ??= Compile(schema);
    return compiled;
  }

  function check(value: unknown): Static<S> {
    if (validator().Check(value)) return value as Static<S>;
    throw refusal(name, [...validator().Errors(value)], value);
  }

  return {
    name,
    schema,
    maxBytes,
    check,
    decode(bytes) {
      if (bytes.length > maxBytes) {
        throw fail('invalid_request', `${name} is ${bytes.length} bytes long; at most ${maxBytes} are accepted`, {
          details: { field: '', maxBytes },
        });
      }
      return check(parse(name, bytes));
    },
    encode(value) {
      if (!validator().Check(value)) {
        const { failure } = refusal(name, [...validator().Errors(value)], value);
        throw new TypeError(`cannot send ${failure.message}`);
      }
      return JSON.stringify(value);
    },
  };
}

function parse(name: string, bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw fail('invalid_request', `${name} is not UTF-8`, { details: { field: '' } });
  }
  // An empty payload stands for an empty object, so that `nats req cloud.api.v1.instance.list ''` works.
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    throw fail('invalid_request', `${name} is not JSON`, { details: { field: '' } });
  }
}

interface SchemaError {
  keyword: string;
  schemaPath: string;
  instancePath: string;
  params: object;
  message: string;
}

/** The most telling of the errors: the deepest, and not the consequence of another. */
function refusal(name: string, all: SchemaError[], value: unknown): FailureError {
  const errors = all
    .filter(({ keyword }) => keyword === 'anyOf')
    .reduce((rest, { schemaPath }) => withoutOtherAlternatives(rest, `${schemaPath}/anyOf/`), all);
  const [first] = errors
    .filter(({ keyword }) => keyword !== 'boolean' && keyword !== 'additionalProperties')
    .toSorted((a, b) => b.instancePath.length - a.instancePath.length);
  const unknown = errors.find(({ keyword }) => keyword === 'additionalProperties');
  const { field: place, problem } = unknown
    ? unknownField(unknown)
    : first
      ? wrongField(first)
      : { field: '', problem: 'is invalid' };
  const field = place.length > maxFieldLength ? `${place.slice(0, maxFieldLength).toWellFormed()}…` : place;
  const where = field === '' ? name : `${name}: field ${field}`;
  const given = field === '' && typeof value !== 'object' ? ` (it is a ${typeof value})` : '';
  return fail('invalid_request', `${where} ${problem}${given}`, { details: { field } });
}

/** Of a union, only the errors of the alternative that was most likely meant: the closest. */
function withoutOtherAlternatives(errors: SchemaError[], union: string): SchemaError[] {
  const alternativeOf = ({ schemaPath }: SchemaError) =>
    schemaPath.startsWith(union) ? schemaPath.slice(union.length).split('/')[0] : undefined;
  const distances = new Map<string, number>();
  for (const error of errors) {
    const alternative = alternativeOf(error);
    if (alternative !== undefined) distances.set(alternative, (distances.get(alternative) ?? 0) + distanceOf(error));
  }
  const [meant] = [...distances].toSorted(([, a], [, b]) => a - b)[0] ?? [];
  return errors.filter((error) => {
    const alternative = alternativeOf(error);
    return alternative === undefined ? `${error.schemaPath}/anyOf/` !== union : alternative === meant;
  });
}

/** A field that an alternative does not know, or a literal that is not its own, tells of another one; a gap may be one. */
function distanceOf({ keyword }: SchemaError): number {
  if (keyword === 'boolean') return 0;
  if (keyword === 'additionalProperties') return 3;
  return ['type', 'const', 'enum'].includes(keyword) ? 2 : 1;
}

function unknownField({ instancePath, params }: SchemaError) {
  const [extra] = (params as { additionalProperties: string[] }).additionalProperties;
  return { field: `${instancePath}/${extra}`, problem: 'is not known' };
}

function wrongField({ keyword, instancePath, params, message }: SchemaError) {
  if (keyword === 'required') {
    const [missing] = (params as { requiredProperties: string[] }).requiredProperties;
    return { field: `${instancePath}/${missing}`, problem: 'is required' };
  }
  if (keyword === 'enum') {
    const { allowedValues } = params as { allowedValues: unknown[] };
    return {
      field: instancePath,
      problem: `must be one of ${allowedValues.map((value) => JSON.stringify(value)).join(', ')}`,
    };
  }
  return { field: instancePath, problem: message };
}
