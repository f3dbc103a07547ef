import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { domain, remoteError, uuid } from '../../transport/libvirt/procedures.ts';
import {
  array,
  bool,
  decode,
  encode,
  fixedArray,
  fixedOpaque,
  int,
  opaque,
  optional,
  string,
  struct,
  uhyper,
  uint,
  XdrError,
  type XdrType,
} from '../../transport/libvirt/xdr.ts';

const ints = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const uints = fc.integer({ min: 0, max: 2 ** 32 - 1 });
/** What UTF-8 can carry: no lone surrogates. */
const texts = fc.string({ unit: 'grapheme', maxLength: 40 });
const bytes = fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value));

function holds<T>(type: XdrType<T>, values: fc.Arbitrary<T>): void {
  fc.assert(
    fc.property(values, (value) => {
      const encoded = encode(type, value);
      expect(encoded.length % 4).toBe(0);
      expect(decode(type, encoded)).toEqual(value);
    }),
  );
}

describe('an XDR codec', () => {
  it('reads back the numbers it wrote', () => {
    holds(int, ints);
    holds(uint, uints);
    holds(uhyper, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
    holds(bool, fc.boolean());
  });

  it('reads back the text and the bytes it wrote, whatever their length', () => {
    holds(string(1_000), texts);
    holds(opaque(40), bytes);
    holds(
      fixedOpaque(7),
      fc.uint8Array({ minLength: 7, maxLength: 7 }).map((value) => Buffer.from(value)),
    );
  });

  it('reads back what is composed of others', () => {
    holds(optional(string(1_000)), fc.option(texts, { nil: undefined }));
    holds(array(int, 20), fc.array(ints, { maxLength: 20 }));
    holds(fixedArray(uint, 3), fc.array(uints, { minLength: 3, maxLength: 3 }));
    holds(
      struct({ name: string(1_000), inner: struct({ flag: bool, sizes: array(uhyper, 5) }) }),
      fc.record({
        name: texts,
        inner: fc.record({
          flag: fc.boolean(),
          sizes: fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { maxLength: 5 }),
        }),
      }),
    );
  });

  it('reads back the domains and errors of libvirt', () => {
    const domains = fc.record({ name: texts, uuid: fc.uuid(), id: ints });
    const text = fc.option(texts, { nil: undefined });
    holds(domain, domains);
    holds(
      remoteError,
      fc.record({
        code: ints,
        domain: ints,
        message: text,
        level: ints,
        dom: fc.option(domains, { nil: undefined }),
        str1: text,
        str2: text,
        str3: text,
        int1: ints,
        int2: ints,
        net: fc.option(fc.record({ name: texts, uuid: fc.uuid() }), { nil: undefined }),
      }),
    );
  });

  it('lays a domain out as remote_protocol.x says', () => {
    const value = { name: 'web-1', uuid: '00112233-4455-6677-8899-aabbccddeeff', id: -1 };
    expect(encode(domain, value).toString('hex')).toBe(
      ['00000005', '7765622d31000000', '00112233445566778899aabbccddeeff', 'ffffffff'].join(''),
    );
    expect(encode(uuid, value.uuid)).toHaveLength(16);
  });

  it('refuses lengths over the limit before it reads or writes them', () => {
    const gigabyte = encode(uint, 2 ** 30);
    expect(() => decode(string(16), gigabyte)).toThrow(XdrError);
    expect(() => decode(array(int, 16), gigabyte)).toThrow(XdrError);
    expect(() => encode(string(3), 'four')).toThrow(XdrError);
  });

  it('throws an XdrError, and nothing else, at bytes of chance', () => {
    const types: XdrType<unknown>[] = [domain, remoteError, array(domain, 100), optional(string(100)), bool];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...types), (input, type) => {
        try {
          decode(type, Buffer.from(input));
        } catch (error) {
          expect(error).toBeInstanceOf(XdrError);
        }
      }),
    );
  });
});
