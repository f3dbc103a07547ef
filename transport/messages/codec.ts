/**
 * Turns a schema into what both ends of a message use: bytes → checked value, checked value → bytes.
 * Schemas are TypeBox, compiled at first use; they are JSON Schema, so the public reference is made from the same objects.
 */
import type { Static, TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { Errors } from 'typebox/value';
import { fail } from '../../machines/failure.ts';
import { withComparedNames } from './compared-names.ts';
import { refusal } from './refusal.ts';

/** What a message may weigh, in bytes, unless its codec says otherwise. */
export const defaultMaxBytes = 512 * 1024;

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

const utf8 = new TextDecoder('utf-8', { fatal: true });

export function codec<S extends TSchema>(
  name: string,
  schema: S,
  { maxBytes = defaultMaxBytes } = {},
): Codec<Static<S>> {
  let compiled: Validator | undefined;
  // At first use: a process needs few of all the messages that there are, and compiling all of them takes half a second.
  function validator(): Validator {
    compiled ??= Compile(withComparedNames(schema));
    return compiled;
  }

  function check(value: unknown): Static<S> {
    if (validator().Check(value)) return value as Static<S>;
    throw refusal(name, Errors(schema, value), value);
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
        const { failure } = refusal(name, Errors(schema, value), value);
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
