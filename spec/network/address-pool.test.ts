import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AddressPool } from '../../actors/network/address-pool.ts';
import { formatIpv4, parseBlock, parseIpv4 } from '../../actors/network/ipv4.ts';

const address = fc.integer({ min: 0, max: 2 ** 32 - 1 });

it('writes and reads every address the same', () => {
  fc.assert(
    fc.property(address, (number) => {
      expect(parseIpv4(formatIpv4(number))).toBe(number);
    }),
  );
});

it('has one name for each address', () => {
  for (const text of [
    '',
    '10.1',
    '010.0.0.1',
    '10.0.0.01',
    '0x0a.0.0.1',
    '10.0.0.1/24',
    ' 10.0.0.1',
    '10.0.0.256',
    '::1',
  ]) {
    expect(parseIpv4(text)).toBeUndefined();
  }
});

it('finds the ends of a block from any address in it', () => {
  fc.assert(
    fc.property(address, fc.integer({ min: 0, max: 32 }), (number, prefixLength) => {
      const size = 2 ** (32 - prefixLength);
      const network = Math.floor(number / size) * size;
      const block = { network, broadcast: network + size - 1, prefixLength };
      expect(parseBlock(`${formatIpv4(number)}/${prefixLength}`)).toEqual(block);
    }),
  );
});

it('behaves as a set from which the next in the round is taken', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('next' as const), fraction: fc.double({ min: 0, max: 0.999, noNaN: true }) }),
    fc.record({ do: fc.constantFrom('take' as const, 'free' as const), at: fc.nat({ max: 5000 }) }),
  );
  fc.assert(
    fc.property(address, fc.nat({ max: 5000 }), fc.array(step, { maxLength: 200 }), (first, size, steps) => {
      const pool = new AddressPool(first, first + size - 1);
      const model = new Set(Array.from({ length: size }, (_, index) => index));
      for (const each of steps) {
        if ('fraction' in each) {
          const from = Math.floor(each.fraction * size);
          const free = [...model].toSorted((a, b) => a - b);
          const wanted = free.find((index) => index >= from) ?? free[0];
          expect(pool.takeNext(each.fraction)).toBe(wanted === undefined ? undefined : first + wanted);
          if (wanted !== undefined) model.delete(wanted);
        } else if (each.do === 'take') {
          pool.take(first + each.at);
          model.delete(each.at);
        } else {
          pool.free(first + each.at);
          if (each.at < size) model.add(each.at);
        }
        expect(pool.freeCount).toBe(model.size);
      }
    }),
  );
});

it('gives out the whole of a large range, once', () => {
  const pool = new AddressPool(1000, 1000 + 2 ** 17 - 1);
  const taken = new Set<number>();
  for (let number = pool.takeNext(0.5); number !== undefined; number = pool.takeNext(0.5)) taken.add(number);
  expect(taken.size).toBe(2 ** 17);
});
