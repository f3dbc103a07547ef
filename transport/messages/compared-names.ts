/**
 * The same schema, in which unknown fields are found by comparing names: for every field that there is TypeBox asks an
 * expression made of all names that there may be, which takes more time than all other checks of a record together.
 */
import type { TSchema } from 'typebox';

export function withComparedNames(schema: TSchema): TSchema {
  return compared(schema) as TSchema;
}

function compared(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(compared);
  if (typeof part !== 'object' || part === null) return part;
  const copied = Object.fromEntries(Object.entries(part).map(([key, value]) => [key, compared(value)]));
  if (!isExactWithOptional(part)) return copied;
  const { additionalProperties: _, ...rest } = copied;
  return { ...rest, propertyNames: { enum: Object.keys(part.properties) } };
}

/** Where every field has to be there, TypeBox counts them. */
function isExactWithOptional(part: object): part is { properties: object } {
  const { type, properties, required, additionalProperties, patternProperties } = part as Record<string, unknown>;
  if (type !== 'object' || additionalProperties !== false || patternProperties) return false;
  const names = typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
  return names.length > (Array.isArray(required) ? required.length : 0);
}
