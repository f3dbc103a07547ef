/** What was given on the command line → what is asked. */
import type { Command } from 'commander';
import { FailureError, toFailure } from '../../../machines/failure.ts';
import type { Thing } from './columns.ts';
import { type Flag, fieldsOf, listingOf } from './flags.ts';
import type { Invocation } from './invocation.ts';
import type { Lookup } from './lookup.ts';
import type { Verb } from './noun.ts';

/** The fields that flags fill. Files are read, and names looked up, only now. */
export async function fieldsFromFlags(command: Command, flags: readonly Flag[], lookup: Lookup): Promise<Thing> {
  const body: Thing = {};
  for (const { option, field, toValue, listing } of flags) {
    const name = option.attributeName();
    const given = command.getOptionValue(name);
    if (given === undefined || command.getOptionValueSource(name) === 'default') continue;
    // `--x` and `--no-x` share their name.
    if (option.negate !== (given === false)) continue;
    const value = toValue ? await converted(option.long ?? field, () => toValue(given as never)) : given;
    set(body, field, listing ? await lookup.idsOf(listing, value, field) : value);
  }
  return body;
}

/** One for each of the things that a last argument names, otherwise one. */
export async function fieldsFromArguments(
  { endpoint, arguments: names = [] }: Verb,
  given: readonly (string | string[] | undefined)[],
  lookup: Lookup,
): Promise<{ target: string; fields: () => Promise<Thing> }[]> {
  const fields = fieldsOf(endpoint);
  const find = async (name: string, value: string) => {
    const field = fields.find((each) => each.name === name);
    const listing = field && listingOf(field);
    return listing ? lookup.idsOf(listing, value, name) : value;
  };
  const last = given.at(names.length - 1);
  const several = Array.isArray(last) ? last : [last];
  return several.map((target) => ({
    target: target ?? '',
    fields: async () => {
      const body: Thing = {};
      for (const [index, name] of names.entries()) {
        const value = index === names.length - 1 ? target : given[index];
        if (typeof value === 'string') body[name.replace('...', '')] = await find(name.replace('...', ''), value);
      }
      return body;
    },
  }));
}

/** The request of a command that asks for one thing only. */
export async function bodyOf({ verb, command, lookup, given, flags }: Invocation, more: Thing = {}): Promise<Thing> {
  const [request] = await fieldsFromArguments(verb, given, lookup);
  const fields = { ...(await request?.fields()), ...(await fieldsFromFlags(command, flags, lookup)), ...more };
  return checked(verb, fields, flags);
}

/** The body, if it satisfies the schema; a refusal names the flag instead of the field. */
export function checked({ endpoint, ...verb }: Verb, body: Thing, flags: readonly Flag[]): Thing {
  try {
    endpoint.request.check(body);
    return body;
  } catch (thrown) {
    throw inWordsOfTheCommand(thrown, { endpoint, ...verb }, flags);
  }
}

/** Failures speak of fields; who typed a command knows flags and arguments. */
export function inWordsOfTheCommand(thrown: unknown, verb: Verb, flags: readonly Flag[]): unknown {
  const failure = toFailure(thrown);
  const { field } = failure.details ?? {};
  const named = (pointer: string) => wordFor(pointer, verb, flags) ?? `field ${pointer}`;
  const told = failure.message.replace(`${verb.endpoint.name} request: `, '');
  const blamed = typeof field === 'string' && field !== '' ? told.replace(`field ${field}`, () => named(field)) : told;
  // Beside the one that is to blame there may be another.
  const message = blamed.replaceAll(/\bfield (\/\w+)/g, (_, pointer: string) => named(pointer));
  return message === failure.message ? thrown : new FailureError({ ...failure, message });
}

function wordFor(pointer: string, verb: Verb, flags: readonly Flag[]): string | undefined {
  const path = pointer.slice(1).replaceAll('/', '.');
  const flag = flags.find((each) => path === each.field || path.startsWith(`${each.field}.`));
  const argument = verb.arguments?.map((name) => name.replace('...', '')).find((name) => name === path);
  return flag?.option.long ?? (argument && `argument ${argument}`);
}

async function converted(flag: string, convert: () => unknown): Promise<unknown> {
  try {
    return await convert();
  } catch (thrown) {
    const failure = toFailure(thrown);
    throw new FailureError({ ...failure, message: `${flag} ${failure.message}` });
  }
}

/** What two flags say of one object is all of it. */
function set(body: Thing, path: string, value: unknown): void {
  const [first = '', ...rest] = path.split('.');
  if (rest.length === 0) {
    const before = body[first];
    body[first] = isObject(before) && isObject(value) ? { ...before, ...value } : value;
    return;
  }
  body[first] ??= {};
  set(body[first] as Thing, rest.join('.'), value);
}

function isObject(value: unknown): value is Thing {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
