/** Schemas that many messages and records share. Free text is bounded, names and ids have patterns. */
import Type, { type TProperties } from 'typebox';
import { failureCodes } from '../../machines/failure.ts';

/** An object with these fields and no others. */
export const Exact = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });

export const OneOf = <const V extends readonly string[]>(values: V) => Type.Unsafe<V[number]>(Type.Enum([...values]));

export const Uuid = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  description: 'a lower-case UUID',
});
/** What can be one token of a subject and one key of a bucket without encoding. */
export const Id = Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' });
export const Name = Type.String({
  minLength: 1,
  maxLength: 255,
  // Blanks, one character that is none, anything else: each character can be only one of them, so that refusing a long
  // text takes no longer than reading it.
  pattern: '^[^\\S\\u0000-\\u001f\\u007f]*[^\\s\\u0000-\\u001f\\u007f][^\\u0000-\\u001f\\u007f]*$',
});
export const Text = Type.String({ maxLength: 4096 });
export const Base64 = (maxLength: number) =>
  Type.String({ maxLength, pattern: '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$' });
export const Mac = Type.String({ pattern: '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' });
export const Ipv4 = Type.String({ pattern: '^((25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)(\\.(?!$)|$)){4}$' });
export const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
/** Milliseconds since 1970. */
export const Time = Type.Integer({ minimum: 0 });
/** ISO 8601, what clients see. */
export const Timestamp = Type.String({ format: 'date-time' });
export const Revision = Type.Integer({ minimum: 0 });
export const Metadata = Type.Record(
  Type.String({ pattern: '^[A-Za-z0-9 ._:-]{1,255}$' }),
  Type.String({ maxLength: 255 }),
  {
    maxProperties: 128,
    additionalProperties: false,
  },
);

export const FailureSchema = Type.Object({
  code: OneOf(failureCodes),
  message: Type.String(),
  disposition: OneOf(['retry', 'reschedule', 'abort']),
  details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  cause: Type.Optional(Type.Unknown()),
});

export const ReceiptSchema = Exact({
  revision: Type.Optional(Revision),
  failure: Type.Optional(FailureSchema),
});
