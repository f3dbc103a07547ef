/** Whatever comes in from the wire is accepted or refused as an invalid request that names a field; nothing else. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Failure } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import { findCodecs } from './all-codecs.ts';
import { readGolden } from './golden.ts';
import { refusalOf } from './hostile.ts';
import { extended, isObject, placesIn, replaced } from './json-paths.ts';

/** A few at a time for each of many codecs. */
const runs = { numRuns: 15 };

/**
 * Places that are data of others, which is kept as it is: charts, where they stand, schemas, dead messages, and what a
 * failure tells besides its code.
 */
const openPlaces =
  /\/(chart\/(value|context|children)|snapshot\/value|failure|fault|body|context|document|endpoint\/(request|reply))(\/|$)/;

/** Where null has a meaning. */
const nullable = [
  'api.aggregate.update.request /availabilityZone',
  'api.aggregate.update.request /metadata/ssd',
  'api.image.update.request /properties/architecture',
  'api.instance.update.request /metadata/role',
  'api.instance.update.request /metadata/tier',
];

const strangers: unknown[] = [null, true, 1.5, -1, 1e300, '', '\u0000', [], [[]], {}, { a: 1 }, 'x'.repeat(5000)];

const names = [
  'surprise',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '',
  ' ',
  'length',
  '0',
  '\u0000',
  'ﬁeld',
];

/** For every codec. */
const tooLong = new Uint8Array(9 * 1024 * 1024).fill(0x20);

const codecs = [...(await findCodecs())];

describe.each(codecs)('%s', (name, codec) => {
  const golden = readGolden(name);

  function expectRefusal(refusal: Failure | undefined): void {
    expect(refusal).toMatchObject({
      code: 'invalid_request',
      disposition: 'abort',
      details: { field: expect.any(String) },
    });
  }

  it('refuses bytes that are no message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        const refusal = refusalOf(codec, bytes);
        if (refusal) expectRefusal(refusal);
        // Blank text stands for an empty object.
        else expect(Buffer.from(bytes).toString().trim()).toMatch(/^(\{\s*\})?$/);
      }),
      runs,
    );
  });

  it('refuses the example with a broken byte', () => {
    const wire = Buffer.from(JSON.stringify(golden));
    fc.assert(
      fc.property(fc.nat(wire.length - 1), fc.integer({ min: 0x80, max: 0xff }), (index, byte) => {
        const broken = Buffer.from(wire);
        // Bytes of more than one are broken by the first; a lone one above 0x7f is never UTF-8 between ASCII.
        broken[index] = byte;
        const refusal = refusalOf(codec, broken);
        if (refusal) expectRefusal(refusal);
      }),
      runs,
    );
  });

  it('refuses JSON of any other shape', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const refusal = refusalOf(codec, JSON.stringify(value));
        if (refusal) expectRefusal(refusal);
        else expect(value).toEqual({});
      }),
      runs,
    );
  });

  it('names the place of a wrong value', () => {
    for (const { pointer, value } of placesIn(golden)) {
      if (openPlaces.test(pointer)) continue;
      for (const stranger of strangers.filter((each) => typeOf(each) !== typeOf(value))) {
        const isNullable = nullable.includes(`${name} ${pointer}`);
        if (isNullable && (stranger === null || (value === null && typeof stranger === 'string'))) continue;
        const refusal = refusalOf(codec, JSON.stringify(replaced(golden, pointer, stranger)));
        if (!refusal) expect(pointer).toMatch(openPlaces);
        expectRefusal(refusal);
        expect(areRelated(String(refusal?.details?.field), pointer)).toBe(true);
      }
    }
  });

  it('accepts an unknown field nowhere, whatever its name', () => {
    for (const { pointer, value } of placesIn(golden)) {
      if (!isObject(value) || openPlaces.test(pointer)) continue;
      for (const extra of names.filter((each) => !Object.hasOwn(value, each))) {
        const refusal = refusalOf(codec, JSON.stringify(extended(golden, pointer, extra, 1)));
        expectRefusal(refusal);
        expect([pointer, refusal?.details?.field]).toEqual([pointer, `${pointer}/${extra}`]);
      }
    }
  });

  it('refuses what is too long before it reads it', () => {
    const refusal = refusalOf(codec, tooLong);
    expectRefusal(refusal);
    expect(refusal?.details).toMatchObject({ maxBytes: expect.any(Number) });
  });
});

describe('a request that is made to cost time', () => {
  const request = api.instance.create.request;
  const small = { name: 'a', flavor: 'a', image: 'a' };
  const long = 500_000;

  it.each([
    ['a long name that ends badly', { ...small, name: `${'a'.repeat(long)}\n` }],
    ['a long blank name', { ...small, name: ' '.repeat(long) }],
    ['long user data that ends badly', { ...small, userData: `${'a'.repeat(long)}!` }],
    ['a long address', { ...small, networks: [{ network: 'a', fixedIp: '1.'.repeat(long / 2) }] }],
    ['a long zone', { ...small, availabilityZone: 'a'.repeat(long) }],
    ['many tags', { ...small, tags: Array.from({ length: long / 10 }, () => 0) }],
    ['many networks', { ...small, networks: Array.from({ length: long / 10 }, () => ({})) }],
    [
      'many metadata',
      { ...small, metadata: Object.fromEntries(Array.from({ length: long / 20 }, (_, n) => [`k${n}`, 0])) },
    ],
    ['many unknown fields', Object.fromEntries(Array.from({ length: long / 20 }, (_, n) => [`k${n}`, 0]))],
  ])('is refused at once: %s', (_, body) => {
    const startedAt = performance.now();
    expect(refusalOf(request, JSON.stringify(body))?.code).toBe('invalid_request');
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it('is refused at once: deep nesting', () => {
    expect(refusalOf(request, '['.repeat(long))?.code).toBe('invalid_request');
    expect(refusalOf(request, `{"hints":${'{"group":'.repeat(10_000)}1${'}'.repeat(10_001)}`)?.code).toBe(
      'invalid_request',
    );
  });
});

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** One is the other, or stands within it. */
function areRelated(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}
