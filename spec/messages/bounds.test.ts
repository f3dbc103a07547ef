import { expect, it } from 'vitest';
import { endpoints } from '../../transport/messages/api.ts';
import { type JsonSchema, plainSchema } from '../../transport/reference/endpoint-schema.ts';

const requests = endpoints.map(({ name, request }) => ({ name, schema: plainSchema(request.schema) }));

it.each(requests)('every part of a request is bounded: $name', ({ schema }) => {
  expect(unbounded(schema, '')).toEqual([]);
});

it.each(requests)('what a pattern allows is said in words: $name', ({ schema }) => {
  expect(unexplained(schema, '')).toEqual([]);
});

/** The places that may hold any amount of something. */
function unbounded(schema: JsonSchema, pointer: string): string[] {
  const { type, properties = {}, patternProperties = {}, items, anyOf = [] } = schema as Parts;
  const limits: Record<string, boolean> = {
    integer: schema.minimum !== undefined && schema.maximum !== undefined,
    string: schema.maxLength !== undefined || /^\^[^*+]*\$$/.test(String(schema.pattern)),
    array: schema.maxItems !== undefined,
    object: schema.additionalProperties === false,
  };
  const parts = Object.entries({ ...properties, ...patternProperties, ...(items && { '*': items }) });
  return [
    ...(type !== undefined && limits[type] === false ? [`${pointer} (${type})`] : []),
    ...parts.flatMap(([name, part]) => unbounded(part, `${pointer}/${name}`)),
    ...anyOf.flatMap((each) => unbounded(each, pointer)),
  ];
}

/** The places whose form only a pattern tells. */
function unexplained(schema: JsonSchema, pointer: string): string[] {
  const { properties = {}, patternProperties, items, anyOf = [] } = schema as Parts;
  const isFormed = schema.pattern !== undefined || patternProperties !== undefined;
  const parts = Object.entries({ ...properties, ...(items && { '*': items }) });
  return [
    ...(isFormed && schema['x-allowed'] === undefined ? [pointer] : []),
    ...parts.flatMap(([name, part]) => unexplained(part, `${pointer}/${name}`)),
    ...anyOf.flatMap((each) => unexplained(each, pointer)),
  ];
}

interface Parts extends JsonSchema {
  type?: string;
  properties?: Record<string, JsonSchema>;
  patternProperties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
}
