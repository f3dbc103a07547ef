/** What is understood here of JSON Schema: the keywords that this API uses. */

export interface JsonSchema {
  $id?: string;
  type?: string;
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean;
  patternProperties?: Record<string, JsonSchema>;
  maxProperties?: number;
  items?: JsonSchema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  writeOnly?: boolean;
  /** Ours: where the values of a reference are listed. */
  'x-listed-by'?: Listed;
  /** Ours: what is allowed, in words. */
  'x-allowed'?: string;
}

export interface Listed {
  subject: string;
  /** A JSON pointer into the reply; `*` is each element. */
  pointer: string;
}

/** What stands at a pointer, `*` being each element. */
export function valuesAt(value: unknown, pointer: string): unknown[] {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown[]>(
      (values, name) =>
        values.flatMap((each): unknown[] => {
          if (name === '*') return Array.isArray(each) ? each : [];
          const part: unknown = Reflect.get(Object(each), name);
          return part === undefined ? [] : [part];
        }),
      [value],
    );
}
