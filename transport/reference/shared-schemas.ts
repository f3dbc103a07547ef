/** Schemas that many messages share: each that has a title stands once, under its title, and is referred to. */
import type { TSchema } from 'typebox';
import { type JsonSchema, plainSchema } from './endpoint-schema.ts';

export class SharedSchemas {
  readonly #prefix: string;
  readonly #byTitle = new Map<string, JsonSchema>();

  /** `prefix`: of the references, before the title. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The schema, with references in place of what has a title. */
  refer(schema: TSchema): JsonSchema {
    return this.#refer(plainSchema(schema)) as JsonSchema;
  }

  /** What was referred to, by title. */
  all(): Record<string, JsonSchema> {
    return Object.fromEntries([...this.#byTitle].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  #refer(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((each) => this.#refer(each));
    if (typeof value !== 'object' || value === null) return value;
    const { title, ...rest } = value as JsonSchema;
    const referred = Object.fromEntries(Object.entries(rest).map(([name, part]) => [name, this.#refer(part)]));
    if (typeof title !== 'string') return title === undefined ? referred : { title: this.#refer(title), ...referred };
    const reference = { $ref: `${this.#prefix}${title}` };
    const shared = this.#byTitle.get(title);
    if (!shared) this.#byTitle.set(title, { title, ...referred });
    else if (!isSame(shared, referred)) throw new TypeError(`two different schemas are called ${title}`);
    // Where one is used it may have a description of its own.
    const { description } = referred;
    const isOwn = shared !== undefined && description !== undefined && description !== shared.description;
    return isOwn ? { allOf: [reference], description } : reference;
  }
}

function isSame({ title: _, ...a }: JsonSchema, b: JsonSchema): boolean {
  const bare = ({ description: _, ...schema }: JsonSchema) => JSON.stringify(schema);
  return bare(a) === bare(b);
}
