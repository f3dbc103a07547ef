import { expect, it } from 'vitest';
import { endpoints } from '../../transport/messages/api.ts';
import { type JsonSchema, plainSchema } from '../../transport/reference/endpoint-schema.ts';

it.each(endpoints.map(({ name, request }) => ({ name, schema: plainSchema(request.schema) })))(
  'every part of a request is bounded: $name',
  ({ schema }) => {
    expect(unbounded(schema, '')).toEqual([]);
  },
);

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

interface Parts extends JsonSchema {
  type?: string;
  properties?: Record<string, JsonSchema>;
  patternProperties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
}
