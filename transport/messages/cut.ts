/**
 * Cuts a value to what a schema lists: fields that are not in it, or not of its kind, are left out, and what is too long
 * is shortened. So what may be shown is said once, by the schema of what is sent.
 */
import type { TSchema } from 'typebox';

/** What is left of the value; nothing, when it is of another kind altogether. */
export type Cut = (value: unknown) => unknown;

interface Parts {
  type?: string;
  properties?: Record<string, TSchema>;
  items?: TSchema;
  maxItems?: number;
  maxLength?: number;
  enum?: unknown[];
}

/** For schemas of objects whose fields are all known, lists, texts, numbers, booleans, and `Unknown`, which cuts nothing. */
export function cutTo(schema: TSchema): Cut {
  const { type, properties = {}, items, maxItems, maxLength, enum: values } = schema as Parts;
  if (values) return (value) => (values.includes(value) ? value : undefined);
  switch (type) {
    case undefined:
      return (value) => value;
    case 'object':
      return cutObject(Object.entries(properties).map(([name, part]) => [name, cutTo(part)]));
    case 'array':
      return cutArray(cutTo(items as TSchema), maxItems);
    case 'string':
      return (value) => (typeof value === 'string' ? value.slice(0, maxLength) : undefined);
    case 'number':
      return (value) => (Number.isFinite(value) ? value : undefined);
    case 'boolean':
      return (value) => (typeof value === 'boolean' ? value : undefined);
    default:
      throw new TypeError(`nothing can be cut to the type ${type}`);
  }
}

function cutObject(fields: [name: string, cut: Cut][]): Cut {
  return (value) => {
    if (typeof value !== 'object' || value === null) return undefined;
    const left: Record<string, unknown> = {};
    for (const [name, cut] of fields) {
      const part = cut((value as Record<string, unknown>)[name]);
      if (part !== undefined) left[name] = part;
    }
    return left;
  };
}

function cutArray(cut: Cut, maxItems: number | undefined): Cut {
  return (value) => {
    if (!Array.isArray(value)) return undefined;
    return value
      .slice(0, maxItems)
      .map(cut)
      .filter((part) => part !== undefined);
  };
}
