/** `kilonova keypair …` */
import { rm, writeFile } from 'node:fs/promises';
import { Option } from 'commander';
import type { CreateKeyPair } from '../../messages/api/key-pair.ts';
import { api } from '../../messages/api.ts';
import type { Invocation } from '../client/invocation.ts';
import type { Noun } from '../client/noun.ts';
import { bodyOf } from '../client/request-body.ts';
import { writeSecret } from '../secret-file.ts';
import { readBytes } from './inputs.ts';

const { keyPair } = api;

const columns = ['name', 'fingerprint', 'createdAt'];

export const keyPairNoun: Noun = {
  id: 'name',
  columns,
  verbs: [
    {
      word: 'create',
      endpoint: keyPair.create,
      description:
        'Makes a key pair and prints its private key, which nobody keeps and nobody shows again; or imports a public key.',
      arguments: ['name'],
      flags: [
        {
          option: new Option('--public-key <file>', 'import this OpenSSH public key; - is standard input'),
          field: 'publicKey',
          toValue: async (path: string) => (await readBytes(path)).toString('utf8').trim(),
        },
      ],
      extra: [new Option('--output <file>', 'write the private key to a new file that only you can read')],
      columns,
      run: createKeyPair,
      example: 'mine --output mine.pem',
    },
    { word: 'list', endpoint: keyPair.list, example: '' },
    { word: 'show', endpoint: keyPair.get, arguments: ['name...'], example: 'mine' },
    { word: 'delete', endpoint: keyPair.delete, arguments: ['name...'], example: 'mine' },
  ],
};

async function createKeyPair(invocation: Invocation): Promise<void> {
  const { client, command, output } = invocation;
  const body = (await bodyOf(invocation)) as CreateKeyPair;
  const path = command.getOptionValue('output') as string | undefined;
  // Before the key is made: one that could not be written would be lost.
  if (path !== undefined) await writeSecret(path, '');
  const reply = await client.ask(keyPair.create, body).catch(async (thrown: unknown) => {
    if (path !== undefined) await rm(path);
    throw thrown;
  });
  const { privateKey, ...shown } = reply;
  if (path !== undefined && privateKey !== undefined) await writeFile(path, privateKey);
  const isWritten = path !== undefined || privateKey === undefined;
  if (isWritten) output.replies([shown], [body.name]);
  else if (output.isJson) output.json(reply);
  else process.stdout.write(privateKey);
}
