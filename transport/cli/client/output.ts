/**
 * What a command prints: for people tables and details; with `--json` the API's own objects, one document for each
 * reply; with `--quiet` ids alone. Standard output has nothing else, so that it can be piped.
 */
import { styleText } from 'node:util';
import { type Column, cellOf, chooseColumns, headerOf, type Thing, valueAt } from './columns.ts';
import { details } from './details.ts';
import { printableJson } from './format-value.ts';
import type { Noun, Verb } from './noun.ts';
import { listedField } from './pages.ts';
import { table } from './table.ts';

export interface OutputOptions {
  json?: boolean;
  quiet?: boolean;
  columns?: string;
}

const stateColors = { active: 'green', up: 'green', error: 'red', away: 'red', building: 'yellow' } as const;

export class Output {
  readonly #noun: Noun;
  readonly #verb: Verb;
  readonly #options: OutputOptions;
  readonly #columns: Column[];
  readonly #now = Date.now;

  /** Throws `invalid_request` for columns that there are not. */
  constructor(noun: Noun, verb: Verb, options: OutputOptions) {
    this.#noun = noun;
    this.#verb = verb;
    this.#options = options;
    const known = verb.columns ?? noun.columns;
    this.#columns =
      options.columns === undefined ? [...known] : chooseColumns(options.columns, known, thingSchema(verb));
  }

  get isJson(): boolean {
    return this.#options.json === true;
  }

  get isQuiet(): boolean {
    return this.#options.quiet === true;
  }

  /** What came of one request after the other; `targets` are what they were about, as it was given. */
  replies(replies: readonly Thing[], targets: readonly string[]): void {
    if (this.isJson) {
      for (const reply of replies) this.json(unwrap(reply));
      return;
    }
    const things = replies.flatMap(thingsIn);
    const once = this.#verb.answersOnce;
    if (this.isQuiet && once !== undefined) this.lines(replies.map((reply) => String(reply[once])));
    else if (this.isQuiet) this.lines(things.length > 0 ? things.map((each) => this.#idOf(each)) : targets);
    else if (this.#verb.print) this.lines(replies.flatMap((reply) => this.#verb.print?.(reply, this.#now()) ?? []));
    else if (things.length === 0 && !listedField(this.#verb.endpoint)) {
      this.lines(targets.map((target) => `${this.#verb.word}d ${target}`));
    } else if (things.length === 1 && isAboutOne(this.#verb)) this.#details(replies[0] ?? {}, things[0] ?? {});
    else this.table(things);
  }

  /** Of a listing: all that there is, in one document. */
  list(things: readonly Thing[]): void {
    if (this.isJson) this.json(things);
    else if (this.isQuiet) this.lines(things.map((each) => this.#idOf(each)));
    else this.table(things);
  }

  table(things: readonly Thing[]): void {
    const now = this.#now();
    const width = process.stdout.isTTY ? process.stdout.columns : Infinity;
    const rows = things.map((thing) => this.#columns.map((column) => cellOf(column, thing, now)));
    const [head = '', ...body] = table(this.#columns.map(headerOf), rows, width);
    this.lines([style('bold', head), ...body.map(colorStates)]);
  }

  json(document: unknown): void {
    this.lines([printableJson(document, 2)]);
  }

  lines(lines: readonly string[]): void {
    if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
  }

  #details(reply: Thing, thing: Thing): void {
    const chosen = this.#options.columns
      ? Object.fromEntries(this.#columns.map((column) => [headerOf(column).toLowerCase(), this.#cell(column, thing)]))
      : thing;
    const others = Object.entries(reply).filter(([, value]) => value !== thing && !isListOf(value, thing));
    this.lines(details({ ...chosen, ...Object.fromEntries(others) }, this.#now()));
  }

  #cell(column: Column, thing: Thing): unknown {
    return typeof column === 'string' ? valueAt(thing, column) : column.of(thing, this.#now());
  }

  #idOf(thing: Thing): string {
    return String(thing[this.#noun.id]);
  }
}

/** The one thing that a reply is about; all of it when it says more. */
function unwrap(reply: Thing): unknown {
  const values = Object.values(reply);
  const [value] = values;
  return values.length === 1 && typeof value === 'object' ? value : reply;
}

/** The things in a reply: its object, or what its list holds. */
function thingsIn(reply: Thing): Thing[] {
  const [first] = Object.values(reply);
  if (Array.isArray(first)) return first as Thing[];
  return first !== null && typeof first === 'object' ? [first as Thing] : [];
}

function isListOf(value: unknown, thing: Thing): boolean {
  return Array.isArray(value) && value[0] === thing;
}

/** Who makes or looks at a thing wants to see it; who tells it something wants to see where it stands. */
function isAboutOne({ endpoint }: Verb): boolean {
  return !listedField(endpoint) || endpoint.kind === 'write'
    ? /^(create|get|update|set|reset|add-rule|remove-rule)$/.test(endpoint.verb)
    : false;
}

/** Of what a reply holds. */
export function thingSchema({ endpoint }: Verb) {
  const { properties } = endpoint.reply.schema as unknown as { properties: Record<string, { items?: object }> };
  const [first = {}] = Object.values(properties);
  return first.items ?? first;
}

function colorStates(line: string): string {
  return line.replaceAll(/(?<=^| {2})(active|up|error|away|building)(?= {2}|$)/g, (state) =>
    style(stateColors[state as keyof typeof stateColors], state),
  );
}

/** Plain where it does not go to a terminal, or colours are not wanted (NO_COLOR). */
function style(format: Parameters<typeof styleText>[0], text: string): string {
  return styleText(format, text, { stream: process.stdout });
}
