/** The wire and the store as they are: an example of each message and record, which may change only with its version. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findCodecs } from './all-codecs.ts';
import { goldenFolder, readGolden } from './golden.ts';
import { refusalOf } from './hostile.ts';
import { optionalFields, requiredFields, without } from './json-paths.ts';

const codecs = await findCodecs();
const names = readdirSync(goldenFolder).map((file) => file.replace(/\.json$/, ''));

it('there is an example of every message and record, and of nothing else', () => {
  expect(names.sort()).toEqual([...codecs.keys()].sort());
});

describe.each([...codecs].filter(([name]) => names.includes(name)))('%s', (name, codec) => {
  const golden = readGolden(name);
  const wire = JSON.stringify(golden);

  it('reads the example, and writes the same', () => {
    const value = codec.decode(readFileSync(new URL(`${name}.json`, goldenFolder)));
    expect(codec.encode(value)).toBe(wire);
    expect(codec.decode(Buffer.from(wire))).toEqual(value);
  });

  it('has an example that shows every field', () => {
    const shown = [...optionalFields(codec.schema, golden), ...requiredFields(codec.schema, golden)];
    expect(shown.filter(({ isPresent }) => !isPresent).map(({ pointer }) => pointer)).toEqual([]);
  });

  it('can do without each of its optional fields', () => {
    for (const { pointer } of optionalFields(codec.schema, golden)) {
      const value = without(golden, pointer);
      expect(codec.decode(Buffer.from(JSON.stringify(value)))).toEqual(value);
    }
  });

  it('cannot do without any of the others, and says which', () => {
    for (const { pointer } of requiredFields(codec.schema, golden)) {
      const refusal = refusalOf(codec, JSON.stringify(without(golden, pointer)));
      expect(refusal?.details?.field).toBe(pointer);
    }
  });

  it('refuses to send what it would refuse to read', () => {
    expect(() => codec.encode([] as never)).toThrow(TypeError);
  });
});
