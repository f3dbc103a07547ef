/** Makes values that a JSON Schema accepts. What refers to something else is looked up. */
import { nkeys } from 'nats';
import type { JsonSchema, Listed } from './json-schema.ts';
import type { Random } from './random.ts';

/** Stands in everything that is secret, so that it is found wherever it should not be. */
export const secretMark = 'hush-hush';

export interface Source {
  random: Random;
  /** The values that a reference may have; none when there are none. */
  listed(reference: Listed): Promise<unknown[]>;
}

interface Options {
  /** How likely an optional field is there. */
  optional: number;
  isSecret?: boolean;
}

export async function validValue(schema: JsonSchema, source: Source, options: Options): Promise<unknown> {
  const { random } = source;
  const isSecret = options.isSecret || schema.writeOnly;
  const within = { ...options, ...(isSecret && { isSecret }) };
  const values = schema['x-listed-by'] ? await source.listed(schema['x-listed-by']) : [];
  if (values.length > 0) return random.pick(values);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return random.pick(schema.enum);
  if (schema.anyOf) return validValue(random.pick(schema.anyOf), source, within);
  switch (schema.type) {
    case 'object':
      return validObject(schema, source, within);
    case 'array': {
      const { minItems = 0, maxItems = 3, items = {} } = schema;
      const count = random.between(minItems, Math.max(minItems, Math.min(maxItems, 3)));
      const values: unknown[] = [];
      for (let index = 0; index < count; index++) values.push(await validValue(items, source, within));
      return values;
    }
    case 'integer':
      return validInteger(schema, random);
    case 'boolean':
      return random.chance(0.5);
    case 'null':
      return null;
    case 'string':
      return validString(schema, random, isSecret ?? false);
    default:
      throw new Error(`nothing is known of ${JSON.stringify(schema)}`);
  }
}

async function validObject(schema: JsonSchema, source: Source, options: Options): Promise<Record<string, unknown>> {
  const { properties = {}, required = [], patternProperties = {} } = schema;
  const made: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(properties)) {
    const isRequired = required.includes(name);
    if (isRequired || source.random.chance(options.optional)) made[name] = await validValue(field, source, options);
  }
  for (const [, field] of Object.entries(patternProperties))
    if (source.random.chance(options.optional)) made[source.random.word()] = await validValue(field, source, options);
  return made;
}

/** Small ones, because much of everything is not to be had; now and then one at an end. */
function validInteger({ minimum = 0, maximum = 2 ** 31 }: JsonSchema, random: Random): number {
  if (random.chance(0.05)) return random.pick([minimum, maximum]);
  return random.between(minimum, Math.min(maximum, Math.max(minimum, 0) + 4));
}

export const inBase64 = (text: string) => Buffer.from(text).toString('base64');

function validString(schema: JsonSchema, random: Random, isSecret: boolean): string {
  const { minLength = 0, maxLength = 4096, pattern = '', format } = schema;
  if (format === 'date-time') return new Date(Date.now() - random.below(1e9)).toISOString();
  const word = isSecret ? `${secretMark}-${random.word()}` : random.word();
  const choices = [
    ...[word, `${word} ${random.pick(['é', '\u{1f680}', '日本', '"quoted"', '$(reboot)', '%s'])}`],
    ...[
      `/${word}`,
      inBase64(word),
      random.hex(64),
      `10.${random.below(256)}.${random.below(256)}.${random.below(256)}`,
    ],
    `${random.hex(8)}-${random.hex(4)}-4${random.hex(3)}-8${random.hex(3)}-${random.hex(12)}`,
    Array.from({ length: 6 }, () => random.hex(2)).join(':'),
    // What could not be applied: by whom, when it was sent, and its number.
    `${word}.${random.below(1e9)}-${random.below(1e9)}`,
    // A user of NATS: a valid one, since what stands for its key has a checksum.
    nkeys.createUser().getPublicKey(),
  ].filter((text) => text.length >= minLength && [...text].length <= maxLength && new RegExp(pattern, 'u').test(text));
  // What is secret has to be found again.
  const marked = choices.filter((text) => text.includes(secretMark) || text.startsWith(inBase64(secretMark)));
  if (choices.length === 0) throw new Error(`nothing that is known matches ${pattern}`);
  return isSecret
    ? random.pick(marked)
    : choices.length > 1 && random.chance(0.2)
      ? random.pick(choices)
      : (choices[0] ?? '');
}
