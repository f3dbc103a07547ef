/** `kilonova project …`, `user …`, `role …` and `token …` */
import { Option } from 'commander';
import { api } from '../../messages/api.ts';
import { duration } from '../client/flags.ts';
import type { Noun } from '../client/noun.ts';
import { readSecret } from './inputs.ts';
import { makeCredentials } from './nats-user.ts';
import { setPasswordVerb } from './set-password.ts';

const { project, user, role, token } = api;

export const projectNoun: Noun = {
  id: 'id',
  columns: ['name', 'id', 'isEnabled', 'createdAt'],
  verbs: [
    { word: 'create', endpoint: project.create, arguments: ['name'], example: 'shop' },
    { word: 'list', endpoint: project.list, example: '' },
    { word: 'show', endpoint: project.get, arguments: ['id'], example: 'shop' },
    { word: 'update', endpoint: project.update, arguments: ['id'], example: 'shop --no-enabled' },
    { word: 'delete', endpoint: project.delete, arguments: ['id...'], example: 'shop' },
  ],
};

/** From a file, because a command line is seen by everybody on the machine. */
const passwordFlag = {
  option: new Option('--password-file <file>', 'a password to sign in with; - asks for it'),
  field: 'password',
  toValue: readSecret,
};

export const userNoun: Noun = {
  id: 'id',
  columns: ['name', 'id', 'isEnabled', 'roles', 'createdAt'],
  verbs: [
    { word: 'create', endpoint: user.create, arguments: ['name'], flags: [passwordFlag], example: 'ann' },
    { word: 'list', endpoint: user.list, example: '' },
    { word: 'show', endpoint: user.get, arguments: ['id'], example: 'ann' },
    {
      word: 'update',
      endpoint: user.update,
      arguments: ['id'],
      flags: [passwordFlag],
      example: 'ann --name ann --enabled',
    },
    setPasswordVerb,
    { word: 'grant', endpoint: user.grant, arguments: ['id', 'role'], example: 'ann member --project shop' },
    { word: 'revoke', endpoint: user.revoke, arguments: ['id', 'role'], example: 'ann member --project shop' },
    { word: 'delete', endpoint: user.delete, arguments: ['id...'], example: 'ann' },
  ],
};

export const roleNoun: Noun = {
  id: 'name',
  columns: ['name', 'description'],
  verbs: [{ word: 'list', endpoint: role.list, example: '' }],
};

export const tokenNoun: Noun = {
  id: 'id',
  columns: ['id', 'userId', 'projectId', 'description', 'expiresAt', 'createdAt'],
  verbs: [
    {
      word: 'create',
      endpoint: token.create,
      flags: [
        {
          option: new Option(
            '--expires-in <time>',
            'how long it is good for: 15m, 2h, 7d; otherwise until it is revoked',
          ).argParser(duration),
          field: 'expiresInSeconds',
        },
      ],
      answersOnce: 'secret',
      example: '--expires-in 8h --description "of the build server"',
    },
    {
      word: 'show',
      endpoint: token.get,
      description: 'Who asks: the token that is in use, with its roles.',
      example: '',
    },
    { word: 'list', endpoint: token.list, example: '' },
    {
      word: 'creds',
      endpoint: token.natsUser,
      description:
        'Makes NATS credentials for the token that is in use: with them --creds, and any client of NATS, reaches the ' +
        'API, its own answers and the facts of the token’s project. They end with the token, after 30 days at the latest.',
      flags: [
        {
          option: new Option('--public-key <nkey>', 'of a key that you have made: print the JWT for it, write no file'),
          field: 'publicKey',
        },
      ],
      extra: [new Option('--output <file>', 'write them to a new file that only you can read')],
      run: makeCredentials,
      example: '--output ann.creds',
    },
    {
      word: 'revoke',
      endpoint: token.revoke,
      arguments: ['id...'],
      example: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    },
  ],
};
