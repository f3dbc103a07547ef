import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';

const parts = fc.array(fc.string(), { maxLength: 4 });

it('names the same thing by the same UUID of version 5, and another thing by another', () => {
  fc.assert(
    fc.property(parts, parts, (one, other) => {
      expect(nameUuid(...one)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(nameUuid(...one) === nameUuid(...other)).toBe(JSON.stringify(one) === JSON.stringify(other));
    }),
  );
});

it('keeps the UUIDs that were given before', () => {
  expect(nameUuid('a', 'b')).toBe('6c4a5695-b7aa-556c-9d3f-c09ae18acee3');
});
