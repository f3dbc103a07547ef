/** `kilonova user set-password`: one's own, asked for without showing it, or from files. */
import process from 'node:process';
import { Option } from 'commander';
import { fail } from '../../../machines/failure.ts';
import { api } from '../../messages/api.ts';
import type { Invocation } from '../client/invocation.ts';
import type { Verb } from '../client/noun.ts';
import { checked } from '../client/request-body.ts';
import { askedFor, readSecret } from './inputs.ts';

export const setPasswordVerb: Verb = {
  word: 'set-password',
  endpoint: api.user.setPassword,
  without: ['oldPassword', 'password'],
  extra: [
    new Option('--old-password-file <file>', 'the old password; - asks for it').default('-'),
    new Option('--password-file <file>', 'the new password; - asks for it').default('-'),
  ],
  run: setPassword,
  example: '--old-password-file old --password-file new',
};

async function setPassword({ verb, client, command, output }: Invocation): Promise<void> {
  const { oldPasswordFile, passwordFile } = command.opts<{ oldPasswordFile: string; passwordFile: string }>();
  const oldPassword = await readSecret(oldPasswordFile, 'Old password: ');
  const password = await readSecret(passwordFile, 'New password: ');
  // What nobody sees is easily mistyped.
  if (askedFor(passwordFile) && (await readSecret(passwordFile, 'New password again: ')) !== password) {
    throw fail('invalid_request', 'that is another one: the password stays as it was');
  }
  const body = checked(verb, { oldPassword, password }, []) as { oldPassword: string; password: string };
  const reply = await client.ask(api.user.setPassword, body);
  if (output.isJson) output.json(reply);
  else process.stdout.write('the password is changed\n');
}
