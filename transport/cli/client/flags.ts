/** Flags out of the fields of a request. */
import { InvalidArgumentError, Option } from 'commander';
import type { TSchema } from 'typebox';
import { Name } from '../../messages/common.ts';
import { kebab } from '../config-file.ts';
import type { AnyEndpoint, Verb } from './noun.ts';

/** Where the values of a field are listed: what `Of` says in `transport/messages/api/endpoint.ts`. */
export interface Listing {
  subject: string;
  pointer: string;
  /** The field takes names too, so nobody has to look them up. */
  takesNames: boolean;
}

/** A flag, and the field of the request that it fills. */
export interface Flag {
  option: Option;
  /** A path: `hints.group`. */
  field: string;
  /** Not told to commander, which would name it before a flag that was misspelt. */
  isRequired?: boolean;
  /** What was given → what is sent. */
  toValue?: (given: never) => unknown;
  listing?: Listing | undefined;
}

interface Field {
  name: string;
  schema: TSchema & FieldSchema;
  isRequired: boolean;
}

interface FieldSchema {
  type?: string;
  description?: string;
  enum?: string[];
  anyOf?: (TSchema & FieldSchema)[];
  items?: TSchema & FieldSchema;
  patternProperties?: Record<string, TSchema & FieldSchema>;
  format?: string;
  minimum?: number;
  maximum?: number;
  pattern?: string;
  'x-listed-by'?: Omit<Listing, 'takesNames'>;
}

/** Where the usual rule would not make the word that people say. */
const words: Record<string, string> = { availabilityZone: 'zone', properties: 'property' };

/** Where the schema speaks of what a command does not have. */
const abouts: Record<string, string> = { limit: 'at most so many; absent: all' };

/** A page's marker is nobody's business: listings go through all pages. */
const inner = ['marker'];

export function fieldsOf({ request }: AnyEndpoint): Field[] {
  const { properties, required = [] } = request.schema as unknown as {
    properties: Record<string, Field['schema']>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({ name, schema, isRequired: required.includes(name) }));
}

/** All that a command of the verb takes. */
export function flagsOf(verb: Verb): Flag[] {
  const special = verb.flags ?? [];
  const taken = [
    ...inner,
    ...(verb.without ?? []),
    ...(verb.arguments ?? []).map((name) => name.replace('...', '')),
    ...special.map(({ field }) => field.split('.')[0] ?? ''),
  ];
  const all = fieldsOf(verb.endpoint);
  const names = all.map(({ name }) => name);
  const fields = all.filter(({ name }) => !taken.includes(name));
  return [...fields.flatMap((field) => flagsOfField(field, names)), ...special];
}

/** `keyName` → `key`, `tags` → `tag`, `isPublic` → `public`: the word on the command line. */
export function wordOf(field: string): string {
  const word = words[field] ?? field.replace(/^is(?=[A-Z])/, '').replace(/(Id|Uuid|Name)$/, '');
  return kebab(word.charAt(0).toLowerCase() + word.slice(1));
}

export function listingOf({ schema }: Pick<Field, 'schema'>): Listing | undefined {
  const listed = [schema, schema.items, schema.anyOf?.[0]].find((each) => each?.['x-listed-by']);
  const listing = listed?.['x-listed-by'];
  return listing && { ...listing, takesNames: listed.pattern === patternOf(Name) };
}

function flagsOfField({ name, schema, isRequired }: Field, names: readonly string[]): Flag[] {
  const word = wordOf(name);
  const told = abouts[name] ?? schema.description ?? schema.anyOf?.[0]?.description ?? word.replaceAll('-', ' ');
  // What is said of a field may speak of others.
  const description = told.replaceAll(/\b[a-z]+[A-Z]\w*/g, (other) =>
    names.includes(other) ? `--${wordOf(other)}` : other,
  );
  const make = (flags: string, more: Partial<Flag> = {}, about = description): Flag => {
    const option = new Option(flags, isRequired ? `${about} (required)` : about);
    return { option, field: name, isRequired, listing: listingOf({ schema }), ...more };
  };
  if (schema.type === 'boolean') {
    const yes = make(`--${word}`);
    return name.startsWith('is') ? [yes, make(`--no-${word}`, {}, `not ${word}`)] : [yes];
  }
  if (schema.type === 'integer') {
    const flag = make(`--${word} <number>`);
    flag.option.argParser(wholeNumber(schema));
    return [flag];
  }
  if (schema.patternProperties) {
    const named = pairs(`--${singular(word)} <name=value>`, name, `${description}; repeatable`);
    const [value] = Object.values(schema.patternProperties);
    if (!value || !isNullable(value)) return [named];
    const flag = make(`--unset-${singular(word)} <name>`, { toValue: toNothing }, 'takes the name away; repeatable');
    flag.option.argParser(repeated);
    return [named, flag];
  }
  if (schema.type === 'array') {
    const flag = make(
      `--${singular(word)} <${placeholder(singular(name), schema.items)}>`,
      {},
      `${description}; repeatable`,
    );
    flag.option.argParser(repeated);
    return [flag];
  }
  const flag = make(`--${word} <${placeholder(name, schema)}>`);
  if (schema.enum) flag.option.choices(schema.enum);
  if (schema.format === 'date-time') flag.option.argParser(pointInTime);
  if (!isNullable(schema)) return [flag];
  return [flag, make(`--no-${word}`, { toValue: () => null }, `no ${word}`)];
}

function isNullable({ anyOf }: FieldSchema): boolean {
  return anyOf?.some(({ type }) => type === 'null') === true;
}

/** `--unset-metadata role` → `{ role: null }`. */
function toNothing(names: string[]): Record<string, null> {
  return Object.fromEntries(names.map((name) => [name, null]));
}

/** Of a text; its type does not tell. */
export function patternOf(schema: TSchema): string | undefined {
  return (schema as FieldSchema).pattern;
}

/** What may be given again and again. */
export function repeated(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text];
}

/** `--metadata role=web --metadata stage=test` → `{ role: 'web', stage: 'test' }`. */
export function pairs(flags: string, field: string, description: string): Flag {
  const option = new Option(flags, description).argParser((text, before: Record<string, string> | undefined) => {
    const at = text.indexOf('=');
    if (at < 1) throw new InvalidArgumentError('It must be name=value.');
    return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
  });
  return { option, field };
}

/** A time in ISO 8601, or how long ago: `90s`, `15m`, `2h`, `7d`. */
export function pointInTime(text: string): string {
  const ago = /^(\d+)(s|m|h|d)$/.exec(text);
  const time = new Date(ago ? Date.now() - Number(ago[1]) * seconds(ago[2]) * 1000 : text);
  if (Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('It must be a time in ISO 8601, or how long ago: 15m, 2h, 7d.');
  return time.toISOString();
}

/** `90`, `90s`, `15m`, `2h` → seconds. */
export function duration(text: string): number {
  const given = /^(\d+)(s|m|h|d)?$/.exec(text);
  if (!given || Number(given[1]) === 0) throw new InvalidArgumentError('It must be a time such as 90s, 15m or 2h.');
  return Number(given[1]) * seconds(given[2]);
}

function seconds(unit = 's'): number {
  return { s: 1, m: 60, h: 3600, d: 86_400 }[unit] ?? 1;
}

function wholeNumber({ minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER }: FieldSchema) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < minimum || value > maximum) {
      const from = minimum === Number.MIN_SAFE_INTEGER ? '' : ` from ${minimum}`;
      const to = maximum === Number.MAX_SAFE_INTEGER ? '' : ` to ${maximum}`;
      throw new InvalidArgumentError(`It must be a whole number${from}${to}.`);
    }
    return value;
  };
}

function placeholder(name: string, schema: FieldSchema = {}): string {
  if (schema.format === 'date-time') return 'time';
  const subject = schema['x-listed-by']?.subject.split('.').at(-2);
  return subject ?? wordOf(name);
}

function singular(word: string): string {
  return word === 'address' ? word : word.replace(/s$/, '');
}
