/** The fields of a schema as the rows of a table. */
import type { JsonSchema } from './endpoint-schema.ts';

export interface FieldRow {
  /** `networks[].fixedIp` */
  path: string;
  type: string;
  isRequired: boolean;
  limits: string;
  description: string;
}

interface Schema extends JsonSchema {
  type?: string;
  title?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  patternProperties?: Record<string, Schema>;
  anyOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
}

/** Longer ones say more in words. */
const maxPatternLength = 40;

/** One row a field, also of objects within; what has a title is described where it stands. */
export function fieldRows(schema: JsonSchema, path = ''): FieldRow[] {
  const { properties = {}, required = [] } = schema as Schema;
  return Object.entries(properties).flatMap(([name, field]) => {
    const at = path ? `${path}.${name}` : name;
    const row = {
      path: at,
      type: typeOf(field),
      isRequired: required.includes(name),
      limits: limitsOf(field),
      description: field.description ?? field.items?.description ?? '',
    };
    return [row, ...partsOf(field, at)];
  });
}

function partsOf(field: Schema, path: string): FieldRow[] {
  if (field.title) return [];
  return field.items ? partsOf(field.items, `${path}[]`) : fieldRows(field, path);
}

function typeOf(schema: Schema): string {
  const { title, type, items, anyOf, patternProperties } = schema;
  if (title) return `[${title}](#${title.toLowerCase()})`;
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum) return schema.enum.map((each) => `\`${String(each)}\``).join(', ');
  if (anyOf) return anyOf.map(typeOf).join(' or ');
  if (items) return `list of ${typeOf(items)}`;
  const [value] = Object.values(patternProperties ?? {});
  if (value) return `map of ${typeOf(value)}`;
  return schema.format === 'date-time' ? 'time' : (type ?? 'any');
}

function limitsOf(schema: Schema): string {
  const { items, pattern } = schema;
  const [value] = Object.values(schema.patternProperties ?? {});
  const limits = [
    range(schema.minimum, schema.maximum, ''),
    range(schema.minLength, schema.maxLength, ' characters'),
    range(schema.minItems, schema.maxItems, ' of them'),
    range(schema.minProperties, schema.maxProperties, ' of them'),
    typeof pattern === 'string' && pattern.length <= maxPatternLength ? `\`${pattern}\`` : '',
    ...[items, value].map((each) => (each && !each.title ? limitsOf(each) : '')).map((each) => each && `each ${each}`),
  ];
  return limits.filter(Boolean).join('; ');
}

function range(least: unknown, most: unknown, what: string): string {
  if (least !== undefined && most !== undefined) return `${least} to ${most}${what}`;
  if (most !== undefined) return `at most ${most}${what}`;
  return least !== undefined ? `at least ${least}${what}` : '';
}
