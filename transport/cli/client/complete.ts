/** What may stand where the cursor is: commands, flags, their choices, and names that the cloud knows. */
import type { Argument, Command, Option } from 'commander';
import { endpoints } from '../../messages/api.ts';
import { ApiClient } from '../../nats/api-client.ts';
import { applyConfigFile } from '../config-file.ts';
import type { Settings } from '../settings.ts';
import { findAccess, findToken } from './access.ts';
import type { Listing } from './flags.ts';
import { printable } from './format-value.ts';
import { allPages, isListedBy, keyOf } from './pages.ts';
import { listings } from './verb-command.ts';
import { connect } from './with-client.ts';

/** Who presses the tab key does not wait for longer. */
const patienceMs = 1_000;

/** Resolves with the candidates that go on as the last word begins; with none when the cloud does not answer. */
export async function complete(program: Command, words: readonly string[]): Promise<string[]> {
  const typed = words.slice(0, -1);
  const begun = words.at(-1) ?? '';
  const place = findPlace(program, typed);
  return [...new Set(await candidates(place, begun))].filter((each) => each.startsWith(begun));
}

interface Place {
  command: Command;
  /** How many arguments stand before. */
  count: number;
  /** Of the command, before the cursor. */
  typed: readonly string[];
  /** The flag whose value is to come. */
  awaiting?: Option | undefined;
}

function findPlace(program: Command, typed: readonly string[]): Place {
  let place: Place = { command: program, count: 0, typed: [] };
  for (const [index, word] of typed.entries()) {
    const { command, awaiting } = place;
    const inner = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
    if (awaiting) place = { ...place, awaiting: undefined };
    else if (word.startsWith('-')) {
      const option = command.options.find(({ long, short }) => long === word || short === word);
      place = { ...place, awaiting: option && (option.required || option.optional) ? option : undefined };
    } else if (inner && place.count === 0) place = { command: inner, count: 0, typed: typed.slice(index + 1) };
    else place = { ...place, count: place.count + 1 };
  }
  return place;
}

async function candidates(place: Place, begun: string): Promise<string[]> {
  const { command, count, awaiting } = place;
  if (awaiting) return valuesOf(awaiting, place, begun);
  if (begun.startsWith('-')) return command.options.filter(({ hidden }) => !hidden).flatMap(({ long }) => long ?? []);
  const taken = command.registeredArguments;
  const argument = taken[count] ?? (taken.at(-1)?.variadic ? taken.at(-1) : undefined);
  const inner = count === 0 ? command.commands.map((each) => each.name()) : [];
  return [...inner, ...(argument ? await valuesOf(argument, place, begun) : [])];
}

async function valuesOf(taker: Argument | Option, place: Place, begun: string): Promise<string[]> {
  if (taker.argChoices) return taker.argChoices;
  const listing = listings.get(taker);
  if (!listing) return [];
  const patience = new Promise<string[]>((resolve) => setTimeout(resolve, patienceMs, []).unref());
  return Promise.race([namesInTheCloud(listing, place, begun).catch(() => []), patience]);
}

async function namesInTheCloud(
  listing: Listing,
  { command, typed, awaiting }: Place,
  begun: string,
): Promise<string[]> {
  const endpoint = endpoints.find(isListedBy(listing));
  if (!endpoint) return [];
  // A flag whose value is being typed has none yet.
  readSettings(command, awaiting ? typed.slice(0, -1) : typed);
  const bus = await connect(findAccess(command.opts<Settings>()), patienceMs);
  try {
    const things = await allPages(new ApiClient(bus, findToken(command).value), endpoint, {});
    // Names are what people know; an id is offered to who has begun to type one, and for a name that nobody can type.
    return things.flatMap((thing) => {
      const id = String(thing[keyOf(listing)]);
      const name = typeof thing.name === 'string' && printable(thing.name) === thing.name ? thing.name : id;
      return begun === '' ? [name] : [name, id];
    });
  } finally {
    await bus.close();
  }
}

/** As the command would, had it been run as it stands. */
function readSettings(command: Command, typed: readonly string[]): void {
  command.parseOptions([...typed]);
  for (const option of command.options) {
    const name = option.attributeName();
    const told = option.envVar === undefined ? undefined : process.env[option.envVar];
    if (told !== undefined && command.getOptionValueSource(name) !== 'cli') {
      command.setOptionValueWithSource(name, told, 'env');
    }
  }
  applyConfigFile(command, () => {});
}
