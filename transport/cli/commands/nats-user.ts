/** `kilonova token creds`: a user of NATS for the token that is in use. */
import { rm, writeFile } from 'node:fs/promises';
import { nkeys } from 'nats';
import { fail } from '../../../machines/failure.ts';
import { api } from '../../messages/api.ts';
import { formatCredentials, seedOf } from '../../nats/credentials.ts';
import type { Invocation } from '../client/invocation.ts';
import { writeSecret } from '../secret-file.ts';

export async function makeCredentials({ client, command, output }: Invocation): Promise<void> {
  const { output: path, publicKey } = command.opts<{ output?: string; publicKey?: string }>();
  if (publicKey !== undefined) {
    const signed = await client.ask(api.token.natsUser, { publicKey });
    return output.isJson ? output.json(signed) : output.lines([signed.jwt]);
  }
  if (path === undefined)
    throw fail('invalid_request', 'give --output, or the --public-key of a key that you have made');
  const user = nkeys.createUser();
  // Before it is asked for: what could not be written would have to be asked for again.
  await writeSecret(path, '');
  try {
    const { jwt, expiresAt } = await client.ask(api.token.natsUser, { publicKey: user.getPublicKey() });
    await writeFile(path, formatCredentials({ jwt, seed: seedOf(user) }));
    if (output.isJson) output.json({ expiresAt });
    else output.lines([`${path} is good until ${expiresAt}`]);
  } catch (thrown) {
    await rm(path);
    throw thrown;
  }
}
