/** A verb → a command of the command line. */
import { Argument, type Command, Option } from 'commander';
import { fail } from '../../../machines/failure.ts';
import { withSettings } from '../settings.ts';
import { duration, type Flag, fieldsOf, flagsOf, type Listing, listingOf, wordOf } from './flags.ts';
import type { Noun, Verb } from './noun.ts';
import { defaultTimeout } from './run-verb.ts';
import { withClient } from './with-client.ts';

/** What completion wants to know of an argument or a flag. */
export const listings = new WeakMap<Argument | Option, Listing>();

export function addNoun(command: Command, word: string, noun: Noun): void {
  for (const verb of noun.verbs) {
    const path = verb.word.split(' ');
    const last = path.pop() ?? '';
    addVerb(inner(command, path), [word, verb.word].join(' '), last, noun, verb);
  }
}

/** `rule` of `security-group rule add`. */
function inner(command: Command, path: readonly string[]): Command {
  return path.reduce((parent, word) => {
    const known = parent.commands.find((each) => each.name() === word);
    return known ?? parent.command(word).description(`what is done with each ${word}`);
  }, command);
}

function addVerb(parent: Command, path: string, word: string, noun: Noun, verb: Verb): void {
  const description = verb.description ?? verb.endpoint.description;
  const flags = flagsOf(verb);
  const command = parent
    .command(word)
    .summary(description.split(/(?<=[a-z’)])[.:;] /)[0]?.replace(/\.$/, '') ?? '')
    .description(description)
    .addHelpText('after', `\nExample:\n  kilonova ${path} ${verb.example}`.trimEnd());
  for (const name of verb.arguments ?? []) command.addArgument(argumentOf(name, verb));
  for (const flag of flags) command.addOption(known(flag));
  if (verb.takesAllOf) command.option('--all', 'all that there are');
  for (const option of verb.extra ?? []) command.addOption(option);
  if (verb.reaches) {
    command.optionsGroup('Waiting:');
    command.option('--wait', 'wait until it is there, and show what happens; exits with 1 when it fails');
    const timeout = new Option('--timeout <time>', 'how long to wait').argParser(duration);
    command.addOption(timeout.default(defaultTimeout, `${defaultTimeout / 60} min`));
  }
  command.optionsGroup('Output:');
  if (verb.watches) command.option('--watch', 'draw it anew when something happens, until Ctrl-C');
  command.option('--json', 'print the API’s objects');
  if (!verb.run || verb.columns) {
    command.option('--columns <names>', 'what to show: paths into the objects, separated by commas');
    command.option('-q, --quiet', `print only the ${verb.answersOnce ?? noun.id}`);
  }
  withSettings(command, ['nats', 'creds', 'natsCa', 'token', 'tokenFile', 'state']);
  command.action((...all: unknown[]) => {
    const given = all.slice(0, verb.arguments?.length ?? 0) as (string | string[] | undefined)[];
    const lacking = flags.find(
      ({ option, isRequired }) => isRequired && command.getOptionValue(option.attributeName()) === undefined,
    );
    if (lacking) command.error(`required option '${lacking.option.flags}' not specified`);
    if (flags.length > 0 && verb.endpoint.verb === 'update' && !flags.some(isGiven(command))) {
      throw fail(
        'invalid_request',
        `nothing to change was given: ${flags.map(({ option }) => option.long).join(', ')}`,
      );
    }
    return withClient({ noun, verb, command, flags, given });
  });
}

const isGiven =
  (command: Command) =>
  ({ option }: Flag) =>
    command.getOptionValueSource(option.attributeName()) === 'cli';

function argumentOf(name: string, verb: Verb): Argument {
  const field = fieldsOf(verb.endpoint).find((each) => name.replace('...', '') === each.name);
  if (!field) throw new TypeError(`${verb.endpoint.name} has no field ${name}`);
  const listing = listingOf(field);
  const isKey = field.name === 'id' || field.name === 'uuid';
  const word = (isKey && listing?.subject.split('.').at(-2)) || wordOf(field.name);
  const dots = name.endsWith('...') ? '...' : '';
  const argument = new Argument(
    field.isRequired && !verb.takesAllOf ? `<${word}${dots}>` : `[${word}${dots}]`,
    describe(field.schema.description, listing),
  );
  if (listing) listings.set(argument, listing);
  if (field.schema.enum) argument.choices(field.schema.enum);
  return argument;
}

function known(flag: Flag): Option {
  if (flag.listing) listings.set(flag.option, flag.listing);
  return flag.option;
}

function describe(description = '', listing: Listing | undefined): string {
  return listing?.pointer.endsWith('/uuid') ? 'name or uuid' : description;
}
