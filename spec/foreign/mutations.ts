/** Breaks a valid request in one place, and says which. */
import type { JsonSchema } from './json-schema.ts';
import type { Random } from './random.ts';
import { secretMark } from './valid-values.ts';

export interface Mutation {
  what: string;
  /** The place at fault: a JSON pointer; empty: the whole. */
  field: string;
  payload: string | Uint8Array;
}

interface Place {
  pointer: string;
  schema: JsonSchema;
  value: unknown;
}

const longTexts = (length: number) => (length > 100_000 ? ['a'] : ['a', '\u{1f4a5}', '\u0301']);

type Edit = (holder: object, name: string) => void;

/** Values for places whose type is another one. */
const strangers: unknown[] = [null, true, 1.5, 'text', ['list'], [[]], { an: 'object' }];

const strangeNames = [
  'surprise',
  '__proto__',
  'constructor',
  'toString',
  '',
  ' ',
  '\u0000',
  '\u{1f4a5}',
  '0',
  '$where',
];

/** Texts that few patterns accept. */
const strangeTexts = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\n',
  'ä!',
  '\u{1f4a5}',
  '../../etc/passwd',
  '-1',
  '%00',
  'A'.repeat(70),
];

/** One way to break it, of many. */
export function mutate(schema: JsonSchema, body: Record<string, unknown>, random: Random): Mutation {
  const places = placesOf(schema, body, '');
  for (;;) {
    const place = random.pick(places);
    const mutation = random.pick(place.pointer === '' ? waysOfAll : ways)(place, body, random);
    if (mutation) return mutation;
  }
}

/** Nothing when it does not apply to the place. */
type Way = (place: Place, body: Record<string, unknown>, random: Random) => Mutation | undefined;

const ways: Way[] = [
  function unknownField({ pointer, value }, body, random) {
    const name = random.pick(strangeNames);
    if (!isObject(value) || Object.hasOwn(value, name)) return undefined;
    const edit: Edit = (holder) => Object.defineProperty(holder, name, { value: 1, enumerable: true });
    return broken(`the unknown field ${JSON.stringify(name)}`, body, `${pointer}/${name}`, edit, `${pointer}/-`);
  },
  function missingField({ pointer, schema, value }, body, random) {
    const names = schema.required ?? [];
    if (!isObject(value) || names.length === 0) return undefined;
    const at = `${pointer}/${random.pick(names)}`;
    return broken('a missing field', body, at, (holder, name) => Reflect.deleteProperty(holder, name));
  },
  function wrongType({ pointer, value }, body, random) {
    const stranger = random.pick(strangers.filter((each) => typeOf(each) !== typeOf(value)));
    return broken(`${JSON.stringify(stranger)} in its place`, body, pointer, put(stranger));
  },
  function outOfRange({ pointer, schema: { minimum = 0, maximum = 2 ** 53 }, value }, body, random) {
    if (typeof value !== 'number') return undefined;
    const numbers = [minimum - 1, maximum + 1, minimum + 0.5, -1e300, 1e300];
    return broken('a number out of range', body, pointer, put(random.pick(numbers)));
  },
  function beyondNumbers({ pointer, value }, body) {
    if (typeof value !== 'number') return undefined;
    const { payload, ...rest } = broken('a number beyond all bounds', body, pointer, put('1e999'));
    return { ...rest, payload: String(payload).replace('"1e999"', '1e999') };
  },
  function tooLong({ pointer, schema: { maxLength, maxItems }, value }, body, random) {
    if (typeof value === 'string' && maxLength !== undefined)
      // As many bytes as a message carries are enough.
      return broken('a long text', body, pointer, put(random.pick(longTexts(maxLength)).repeat(maxLength + 1)));
    if (Array.isArray(value) && maxItems !== undefined && value.length > 0)
      return broken('a long list', body, pointer, put(Array.from({ length: maxItems + 1 }, () => value[0])));
    return undefined;
  },
  function tooMany({ pointer, schema: { maxProperties = 0 }, value }, body) {
    if (!isObject(value) || maxProperties === 0) return undefined;
    const many = Object.fromEntries(Array.from({ length: maxProperties + 1 }, (_, index) => [`k${index}`, 'v']));
    return broken('too many names', body, pointer, put(many));
  },
  function strangeText({ pointer, value }, body, random) {
    if (typeof value !== 'string') return undefined;
    const text = random.pick(strangeTexts);
    return broken(
      `the text ${JSON.stringify(text)}`,
      body,
      pointer,
      put(value.includes(secretMark) ? `${value}${text}` : text),
    );
  },
];

/** Of the whole message. */
const waysOfAll: Way[] = [
  ...ways.slice(0, 2),
  (_, __, random) => {
    const stranger = random.pick(strangers.filter((each) => typeOf(each) !== 'object'));
    return { what: `${JSON.stringify(stranger)} for all`, field: '', payload: JSON.stringify(stranger) };
  },
];

/** Breaks the message itself, whatever it asks. */
export function mutateWire(body: Record<string, unknown>, maxBytes: number, random: Random): Mutation {
  const wire = Buffer.from(JSON.stringify(body));
  const at = random.between(1, wire.length - 1);
  const depth = random.between(5_000, 50_000);
  const ways: [what: string, field: string, payload: () => string | Uint8Array][] = [
    ['a part of it', '', () => wire.subarray(0, at)],
    ['no JSON', '', () => random.pick(['{', 'text', '{"a": }', '{}{}', '\u0000', 'NaN', "{'a': 1}", '[1,]'])],
    ['no UTF-8', '', () => Buffer.concat([wire.subarray(0, at), Uint8Array.of(0xc3, 0x28, 0xff), wire.subarray(at)])],
    ['a deep list', '', () => `${'['.repeat(depth)}${']'.repeat(random.pick([0, depth]))}`],
    ['a deep object', '/a', () => `{"a":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`],
    ['too many bytes', '', () => ' '.repeat(maxBytes + 1)],
  ];
  const [what, field, payload] = random.pick(ways);
  return { what, field, payload: payload() };
}

/** Every place of the value that the schema knows. */
function placesOf(schema: JsonSchema, value: unknown, pointer: string): Place[] {
  const { properties = {}, patternProperties = {}, items } = schema;
  const [named] = Object.values(patternProperties);
  const parts = Array.isArray(value)
    ? value.map((part, index) => (items ? placesOf(items, part, `${pointer}/${index}`) : []))
    : Object.entries(isObject(value) ? value : {}).map(([name, part]) => {
        const field = properties[name] ?? named;
        return field ? placesOf(field, part, `${pointer}/${name}`) : [];
      });
  return [{ pointer, schema, value }, ...parts.flat()];
}

/** The body with one edit; `at` is where it is made, `field` what it is to be blamed for. */
function broken(what: string, body: object, field: string, edit: Edit, at = field): Mutation {
  const copy: unknown = structuredClone(body);
  const names = at.split('/').slice(1);
  const last = names.pop() ?? '';
  const holder = names.reduce<unknown>((part, name) => Reflect.get(Object(part), name), copy);
  edit(Object(holder), last);
  return { what: `${what} at ${at}`, field, payload: JSON.stringify(copy) };
}

function put(value: unknown): Edit {
  return (holder, name) => Reflect.set(holder, name, value);
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeOf(value) === 'object';
}
