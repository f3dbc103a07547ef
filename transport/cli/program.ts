/** The commands of `kilonova`, and what its exit code is. */
import { Command, CommanderError, type Option } from 'commander';
import { toFailure } from '../../machines/failure.ts';
import { addChartCommand } from './chart-command.ts';
import { addCompletionCommand, completeWord } from './completion.ts';
import { applyConfigFile } from './config-file.ts';
import { addConfigCommand } from './config-show.ts';
import { addCredsCommands } from './creds-commands.ts';
import { exitCodeOf, exitCodes, exitCodesHelp } from './exit-codes.ts';
import { addNounCommands } from './noun-commands.ts';
import { addPartCommands } from './part-commands.ts';
import { definitions } from './settings.ts';
import { endWhenUnheard } from './standard-streams.ts';
import { tell, warn } from './tell.ts';
import { readVersion } from './version.ts';

/** Resolves when it is done; what went wrong is told on standard error, and becomes the exit code. */
export async function run(words: readonly string[]): Promise<void> {
  endWhenUnheard();
  if (words[0] === completeWord) return answerTheShell(words.slice(1));
  try {
    const program = await buildProgram(words);
    await program.parseAsync(words, { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      // Whatever it has to say, it has said.
      process.exitCode = thrown.exitCode === 0 ? exitCodes.done : exitCodes.usage;
      return;
    }
    const failure = toFailure(thrown);
    process.exitCode = exitCodeOf(failure.code);
    if (failure.code !== 'cancelled') tell(failure, words.includes('--json'));
  }
}

/** With all the commands that the words may mean. */
export async function buildProgram(words: readonly string[]): Promise<Command> {
  const isJson = words.includes('--json');
  const program = new Command('kilonova')
    .description('Launches and runs virtual machines on a fleet of libvirt hosts.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .showHelpAfterError(isJson ? false : '(--help says what there is)')
    .configureHelp({ sortSubcommands: false })
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      outputError: (text) =>
        tell({ code: 'invalid_request', message: sentence(text, words), disposition: 'abort' }, isJson),
    })
    .addHelpText('afterAll', exitCodesHelp)
    .hook('preAction', (_, command) => void applyConfigFile(command, warn));
  addPartCommands(program);
  addCredsCommands(program);
  await addNounCommands(program, words);
  program.commandsGroup('The program itself:');
  addConfigCommand(program);
  addChartCommand(program);
  addCompletionCommand(program);
  return program;
}

/** Says nothing when there is nothing to say: whatever it said would land in the line that is being typed. */
async function answerTheShell(words: readonly string[]): Promise<void> {
  try {
    const { complete } = await import('./client/complete.ts');
    const found = await complete(await buildProgram(words), words);
    process.stdout.write(found.map((each) => `${each}\n`).join(''), () => process.exit());
  } catch {
    process.exit();
  }
}

/** What commander says of wrong use, without the word that it begins with. */
function sentence(text: string, [first = '']: readonly string[]): string {
  const told = text.replace(/^error: /, '').trim();
  const [flag = ''] = first.split('=');
  const isSetting = Object.values<Option>(definitions).some(({ long }) => long === flag);
  return isSetting && told === `unknown option '${flag}'` ? `${told} here: it stands after the command` : told;
}
