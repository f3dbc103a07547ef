/** Schemas that many messages and records share. Free text is bounded, names and ids have patterns. */
import Type, { type Static, type TObjectOptions, type TProperties, type TSchema, type TSchemaOptions } from 'typebox';
import { failureCodes } from '../../machines/failure.ts';

/** An object with these fields and no others. A `title` is its name in the reference. */
export const Exact = <P extends TProperties>(properties: P, options: TObjectOptions = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options });

/** The same schema, with a description of its own: what a client reads of a field. */
export const Described = <S extends TSchema>(schema: S, description: string) =>
  Type.Unsafe<Type.Static<S>>({ ...schema, description }) as unknown as S;

export const OneOf = <const V extends readonly string[]>(values: V) => Type.Unsafe<V[number]>(Type.Enum([...values]));

/** What a pattern allows, in words: for whoever wrote something else. A field keeps them, whatever its description is. */
export const allows = (words: string) => ({ 'x-allowed': words });

export const Uuid = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  ...allows('a lower-case UUID'),
  description: 'a lower-case UUID',
});
/** What can be one token of a subject and one key of a bucket without encoding. */
export const Id = Type.String({
  pattern: '^[A-Za-z0-9_-]{1,64}$',
  ...allows('1 to 64 letters, digits, `_` or `-`'),
  description: '1 to 64 letters, digits, `_` or `-`',
});
export const Name = Type.String({
  minLength: 1,
  maxLength: 255,
  // Blanks, one character that is none, anything else: each character can be only one of them, so that refusing a long
  // text takes no longer than reading it.
  pattern: '^[^\\S\\u0000-\\u001f\\u007f]*[^\\s\\u0000-\\u001f\\u007f][^\\u0000-\\u001f\\u007f]*$',
  ...allows('any text but control characters, not only blanks'),
  description: 'any text but control characters, not only blanks',
});
export const Text = Type.String({ maxLength: 4096 });
export const Base64 = (maxLength: number, description: string, more: TSchemaOptions = {}) =>
  Type.String({
    maxLength,
    description: `${description}; in base64`,
    ...allows('base64'),
    ...more,
    pattern: '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$',
  });
export const Mac = Type.String({
  pattern: '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$',
  ...allows('a MAC address in lower case, with colons'),
  description: 'a MAC address in lower case, with colons',
});
export const Ipv4 = Type.String({
  pattern: '^((25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)(\\.(?!$)|$)){4}$',
  ...allows('an IPv4 address'),
  description: 'an IPv4 address',
});
export const Sha256 = Type.String({
  pattern: '^[0-9a-f]{64}$',
  ...allows('a SHA-256 in lower-case hex'),
  description: 'a SHA-256 in lower-case hex',
});
/** JSON numbers beyond are not exact everywhere. */
export const maxInteger = Number.MAX_SAFE_INTEGER;
/** The latest that JavaScript can tell. */
const latestTime = 8_640_000_000_000_000;

export const Time = Type.Integer({ minimum: 0, maximum: latestTime, description: 'milliseconds since 1970' });
/** What clients see. */
export const Timestamp = Type.String({
  format: 'date-time',
  maxLength: 64,
  description: 'a time in ISO 8601, with its zone',
});
export const Revision = Type.Integer({ minimum: 0 });

/** How many names an object of metadata has at most. */
export const mostMetadata = 128;
const MetadataName = Type.String({ pattern: '^[A-Za-z0-9 ._:-]{1,255}$' });
const MetadataText = Type.String({ maxLength: 255 });
const metadataNames = 'names of at most 255 letters, digits, blanks or `._:-`';
export const Metadata = Type.Record(MetadataName, MetadataText, {
  maxProperties: mostMetadata,
  additionalProperties: false,
  ...allows(`${metadataNames}, each with a text`),
  description: `${metadataNames}, each with a text`,
});
export type Metadata = Static<typeof Metadata>;
/** Of some that there are. */
export const MetadataChanges = Type.Record(MetadataName, Type.Union([MetadataText, Type.Null()]), {
  maxProperties: 2 * mostMetadata,
  additionalProperties: false,
  ...allows(`${metadataNames}, each with a text`),
  description: `${metadataNames}, each with its new text; null takes a name away, and names that are not given stay`,
});
export type MetadataChanges = Static<typeof MetadataChanges>;

export const FailureSchema = Type.Object(
  {
    code: Described(OneOf(failureCodes), 'what went wrong; match on it'),
    message: Type.String({ description: 'one sentence for a person; it may change' }),
    disposition: Described(
      OneOf(['retry', 'reschedule', 'abort']),
      'what would help: the same again, the same on another host, or nothing',
    ),
    details: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'particulars for programs; `field`: the JSON pointer of what is at fault in the request',
      }),
    ),
    cause: Type.Optional(Type.Unknown({ description: 'the failure that led to this one' })),
  },
  { title: 'Failure', description: 'why a request was refused, or a step failed' },
);

/** What is answered instead of a reply. */
export const FailureReply = Exact(
  { failure: FailureSchema, requestId: Type.String({ description: 'finds the request in logs and facts' }) },
  { title: 'FailureReply' },
);

export const ReceiptSchema = Exact({
  revision: Type.Optional(Revision),
  failure: Type.Optional(FailureSchema),
});
