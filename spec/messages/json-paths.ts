/** Walks a JSON value, alone or beside its schema, and changes one place of it. Places are JSON pointers. */
import type { TSchema } from 'typebox';

export interface Field {
  pointer: string;
  isPresent: boolean;
}

interface ObjectSchema {
  properties?: Record<string, TSchema>;
  required?: string[];
  items?: TSchema;
  anyOf?: TSchema[];
  patternProperties?: Record<string, TSchema>;
}

export function optionalFields(schema: TSchema, value: unknown): Field[] {
  return fields(schema, value, '').filter(({ isRequired }) => !isRequired);
}

export function requiredFields(schema: TSchema, value: unknown): Field[] {
  return fields(schema, value, '').filter(({ isRequired }) => isRequired);
}

function fields(schema: TSchema, value: unknown, pointer: string): (Field & { isRequired: boolean })[] {
  const { properties, required = [], items, anyOf, patternProperties } = schema as ObjectSchema;
  if (Array.isArray(value))
    return items ? value.flatMap((each, index) => fields(items, each, `${pointer}/${index}`)) : [];
  if (!isObject(value)) return [];
  // Which of the alternatives the value is does not matter to what it shows: only the last is asked, the fullest.
  const alternative = anyOf?.at(-1);
  if (alternative) return fields(alternative, value, pointer);
  if (patternProperties) {
    const [each] = Object.values(patternProperties);
    return each ? Object.entries(value).flatMap(([name, part]) => fields(each, part, `${pointer}/${name}`)) : [];
  }
  return Object.entries(properties ?? {}).flatMap(([name, property]) => {
    const at = `${pointer}/${name}`;
    const isPresent = Object.hasOwn(value, name);
    return [
      { pointer: at, isPresent, isRequired: required.includes(name) },
      ...(isPresent ? fields(property, value[name], at) : []),
    ];
  });
}

/** Every place in the value, the whole of it first. */
export function placesIn(value: unknown, pointer = ''): { pointer: string; value: unknown }[] {
  const parts = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return [{ pointer, value }, ...parts.flatMap(([name, part]) => placesIn(part, `${pointer}/${name}`))];
}

export function without(value: unknown, pointer: string): unknown {
  return change(value, pointer, (holder, name) => {
    delete holder[name];
  });
}

export function replaced(value: unknown, pointer: string, part: unknown): unknown {
  if (pointer === '') return part;
  return change(value, pointer, (holder, name) => {
    holder[name] = part;
  });
}

/** With one field more in the object at the pointer; also one named `__proto__`. */
export function extended(value: unknown, pointer: string, name: string, part: unknown): unknown {
  return change(value, `${pointer}/-`, (holder) => {
    Object.defineProperty(holder, name, { value: part, enumerable: true });
  });
}

function change(
  value: unknown,
  pointer: string,
  edit: (holder: Record<string, unknown>, name: string) => void,
): unknown {
  const copy: unknown = structuredClone(value);
  const names = pointer.split('/').slice(1);
  const last = names.pop() ?? '';
  let holder = copy;
  for (const name of names) holder = isObject(holder) || Array.isArray(holder) ? Reflect.get(holder, name) : undefined;
  edit(holder as Record<string, unknown>, last);
  return copy;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
