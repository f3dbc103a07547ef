/**
 * The command line that runs a program in a network namespace: a host's agent may serve a libvirt that lives in
 * one. Without a namespace, the program itself.
 */
import { type CommandOptions, type CommandOutput, runCommand } from './run-command.ts';

/** As iproute2 allows it in /run/netns, without anything that could be an option or a path. */
const namespacePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/;

/** Rejects like `runCommand`. */
export async function runInNamespace(
  networkNamespace: string | undefined,
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutput> {
  if (networkNamespace === undefined) return await runCommand(file, args, options);
  if (!namespacePattern.test(networkNamespace)) {
    throw new Error(`not a name of a network namespace: ${networkNamespace}`);
  }
  return await runCommand('ip', ['netns', 'exec', networkNamespace, file, ...args], options);
}
