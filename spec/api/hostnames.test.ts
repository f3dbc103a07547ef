import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostnameOf, uniqueHostname } from '../../actors/controller/hostnames.ts';

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const names = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.string({ unit: fc.constantFrom('a', 'Z', '0', '-', '_', '.', ' ', 'ß', 'É', '\u{1f4a5}'), maxLength: 300 }),
);

describe('a hostname', () => {
  it('is a DNS label, whatever the name', () => {
    fc.assert(
      fc.property(names, (name) => {
        expect(hostnameOf(name)).toMatch(label);
      }),
      { numRuns: 2_000 },
    );
  });

  it('stays as it is once it is one', () => {
    fc.assert(
      fc.property(names, (name) => {
        expect(hostnameOf(hostnameOf(name))).toBe(hostnameOf(name));
      }),
    );
  });

  it.each([
    ['web', 'web'],
    ['My Web_Server.example', 'my-web-server-example'],
    ['Éclair', 'eclair'],
    ['--x--', 'x'],
    ['日本', 'instance'],
    ['!!!', 'instance'],
    ['a'.repeat(100), 'a'.repeat(63)],
    [`${'a'.repeat(62)}-b`, 'a'.repeat(62)],
  ])('is made of the name %j', (name, hostname) => {
    expect(hostnameOf(name)).toBe(hostname);
  });

  it('is made free by a number, is still a label, and no two are the same', () => {
    fc.assert(
      fc.property(fc.array(names, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 120 }), (few, count) => {
        const taken = new Set<string>();
        for (let index = 0; index < count; index++) {
          const hostname = uniqueHostname(hostnameOf(few[index % few.length] ?? ''), (each) => taken.has(each));
          expect(hostname).toMatch(label);
          expect(taken.has(hostname)).toBe(false);
          taken.add(hostname);
        }
      }),
      { numRuns: 100 },
    );
  });
});
