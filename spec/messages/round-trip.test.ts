/** What one end of a message writes, the other reads: for every message, with whatever may stand in its fields. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Codec } from '../../transport/messages/codec.ts';
import { findCodecs } from './all-codecs.ts';
import { readGolden } from './golden.ts';
import { refusalOf } from './hostile.ts';
import { optionalFields, placesIn, replaced, without } from './json-paths.ts';

const codecs = [...(await findCodecs())];
const runs = { numRuns: 60 };

/** Of the same kind as what stands there, so that many of them are accepted. */
function alike(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value === 'boolean') return fc.boolean();
  if (typeof value === 'number') return Number.isInteger(value) ? fc.maxSafeInteger() : fc.double({ noNaN: true });
  if (typeof value === 'string') {
    const shuffled = fc.shuffledSubarray([...value], { minLength: 1 }).map((letters) => letters.join(''));
    const text = fc.string({ unit: 'binary', maxLength: 40 });
    return value === '' ? text : fc.oneof(fc.constant(value), shuffled, fc.uuid(), fc.ipV4(), text);
  }
  return fc.constant(value);
}

/** The example without some of what it may lack, and with other values in some places. */
function variants(codec: Codec<unknown>, golden: unknown): fc.Arbitrary<unknown> {
  const optional = optionalFields(codec.schema, golden).map(({ pointer }) => pointer);
  const places = placesIn(golden).filter(({ value }) => typeof value !== 'object');
  const edits =
    places.length === 0
      ? fc.constant([])
      : fc.array(
          fc.constantFrom(...places).chain(({ pointer, value }) => alike(value).map((part) => ({ pointer, part }))),
          { maxLength: 3 },
        );
  return fc.tuple(fc.subarray(optional), edits).map(([lacking, changed]) => {
    const edited = changed.reduce<unknown>((value, { pointer, part }) => replaced(value, pointer, part), golden);
    // The innermost first: what is in a field that is lacking is not there to be left out.
    return lacking.toReversed().reduce<unknown>((value, pointer) => without(value, pointer), edited);
  });
}

describe.each(codecs)('%s', (name, codec) => {
  it('is read as it was written, whatever its fields hold', () => {
    let accepted = 0;
    fc.assert(
      fc.property(variants(codec, readGolden(name)), (value) => {
        const wire = JSON.stringify(value);
        if (refusalOf(codec, wire)) return;
        accepted += 1;
        const read = codec.decode(Buffer.from(wire));
        expect(read).toEqual(JSON.parse(wire));
        expect(codec.decode(Buffer.from(codec.encode(read)))).toEqual(read);
      }),
      runs,
    );
    expect(accepted).toBeGreaterThan(0);
  });
});
