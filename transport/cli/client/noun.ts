/** How the commands of the client are declared: a noun for each kind of thing, a verb for what may be asked of it. */

import type { Option } from 'commander';
import type { Endpoint } from '../../messages/api/endpoint.ts';
import type { InstanceView } from '../../messages/api/instance.ts';
import type { Column, Thing } from './columns.ts';
import type { Flag } from './flags.ts';
import type { Invocation } from './invocation.ts';

export interface Noun {
  /** The field of a thing that names it for sure. */
  id: string;
  /** What a table of such things shows. */
  columns: readonly Column[];
  verbs: readonly Verb[];
}

/** Each verb has messages of its own, which its endpoint checks. */
export type AnyEndpoint = Endpoint<unknown, unknown>;

/**
 * A command. Its arguments are the fields of the request that are named here, its flags all others; what it prints
 * follows from the reply. What goes beyond that is said in the other fields.
 */
export interface Verb {
  /** `stop`; `rule add`, of a thing within the thing. */
  word: string;
  endpoint: AnyEndpoint;
  /** Instead of the endpoint's. */
  description?: string;
  /** The last one may end with `...`: then the command may be given several, and asks for each of them. */
  arguments?: readonly string[];
  /** Lists all that there are: `--all` is all of them, instead of those that the last argument names. */
  takesAllOf?: AnyEndpoint;
  /** Instead of the flags that the schema makes of these fields. */
  flags?: readonly Flag[];
  /** Fields that are no flags. */
  without?: readonly string[];
  /** The states in which an instance has got where it was to go: the command can wait for that. */
  reaches?: readonly InstanceView['vmState'][];
  /** Flags that are about how the command goes, not about what it asks. */
  extra?: readonly Option[];
  /** What a listing is drawn anew on. */
  watches?: 'instances' | 'hosts' | 'alarms';
  columns?: readonly Column[];
  /** What the reply says this once, and never again: `-q` is that. */
  answersOnce?: string;
  /** Instead of table or details. */
  print?: (reply: Thing, now: number) => string[];
  /** Instead of asking once for each argument and printing the reply. */
  run?: (invocation: Invocation) => Promise<void>;
  /** What follows `kilonova <noun> <verb>` in an example that works. */
  example: string;
}
