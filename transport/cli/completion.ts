/** `kilonova completion bash|zsh`: scripts that ask the program itself, so that they never say what it does not know. */
import { Argument, type Command } from 'commander';

/** The word with which the scripts ask; what has been typed follows, up to the word that is to be completed. */
export const completeWord = '__complete';

const scripts = {
  bash: `_kilonova() {
  local line quoted
  COMPREPLY=()
  while IFS= read -r line; do
    printf -v quoted %q "$line"
    COMPREPLY+=("$quoted")
  done < <("\${COMP_WORDS[0]}" ${completeWord} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _kilonova kilonova
`,
  zsh: `#compdef kilonova
_kilonova() {
  local -a found
  found=(\${(f)"$("\${words[1]}" ${completeWord} "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( \${#found} )); then compadd -a found; else _files; fi
}
# Loaded by its name, it is the function; sourced, it says what it completes.
if [[ "\${funcstack[1]}" = _kilonova ]]; then _kilonova "$@"; else compdef _kilonova kilonova; fi
`,
} as const;

const howToUse = `
Examples:
  source <(kilonova completion bash)                             # in ~/.bashrc
  kilonova completion zsh > "\${fpath[1]}/_kilonova"              # before compinit`;

export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .description('prints a script that completes commands, flags and the names of what is there')
    .addArgument(new Argument('<shell>').choices(Object.keys(scripts)))
    .addHelpText('after', howToUse)
    .action((shell: keyof typeof scripts) => {
      process.stdout.write(scripts[shell]);
    });
}
