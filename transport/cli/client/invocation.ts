/** One run of a client command: whom it asks, what it was given, where it writes. */
import type { Command } from 'commander';
import type { ApiClient } from '../../nats/api-client.ts';
import type { Flag } from './flags.ts';
import type { Lookup } from './lookup.ts';
import type { Noun, Verb } from './noun.ts';
import type { Output } from './output.ts';

export interface Invocation {
  noun: Noun;
  verb: Verb;
  command: Command;
  /** In the order of the verb's arguments. */
  given: readonly (string | string[] | undefined)[];
  flags: readonly Flag[];
  client: ApiClient;
  lookup: Lookup;
  output: Output;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
}
