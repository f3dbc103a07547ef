/** The client's commands in the program. */
import type { Command } from 'commander';
import { nouns } from './commands/nouns.ts';

/** The verbs of a noun are there when one of the words may mean it. */
export async function addNounCommands(program: Command, words: readonly string[]): Promise<void> {
  program.commandsGroup('What it runs:');
  for (const { word, alias, description, load } of nouns) {
    // Two of the parts have the name of a noun.
    const part = program.commands.find((command) => command.name() === word);
    const command = part ?? program.command(word).description(description);
    if (part) part.description(`${part.description()}; with a verb: ${description}`);
    if (alias) command.alias(alias);
    if (![word, alias].some((name) => name && words.includes(name))) continue;
    const [{ addNoun }, noun] = await Promise.all([import('./client/verb-command.ts'), load()]);
    addNoun(command, word, noun);
  }
}
