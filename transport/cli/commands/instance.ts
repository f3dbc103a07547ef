/** `kilonova instance …` */
import { Option } from 'commander';
import type { InstanceView } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import { subjects } from '../../nats/subjects.ts';
import type { Column } from '../client/columns.ts';
import { repeated } from '../client/flags.ts';
import type { Noun, Verb } from '../client/noun.ts';
import { fileContents, networkWish, readBase64, readSecret } from './inputs.ts';
import { attachVerb } from './instance-attach.ts';
import { consoleVerb } from './instance-console.ts';
import { eventsVerb, watchVerb } from './instance-facts.ts';

const { instance } = api;
const byUuid = {
  subject: subjects.api(instance.list.resource, instance.list.verb),
  pointer: '/instances/*/uuid',
  takesNames: false,
};
const groups = {
  subject: subjects.api(api.serverGroup.list.resource, api.serverGroup.list.verb),
  pointer: '/serverGroups/*/id',
  takesNames: false,
};

/** What is put on the guest's disk: from files, because a command line is seen by everybody on the machine. */
const payloadFlags = [
  {
    option: new Option('--user-data <file>', 'what cloud-init gets to read; - is standard input'),
    field: 'userData',
    toValue: readBase64,
  },
  {
    option: new Option('--file </path=file>', 'a file for the guest’s disk; repeatable').argParser(repeated),
    field: 'files',
    toValue: fileContents,
  },
  {
    option: new Option('--admin-password-file <file>', 'the administrator’s password in the guest; - asks for it'),
    field: 'adminPassword',
    toValue: readSecret,
  },
];

/** A command that has no more to it than the instances that it is for. */
const command = (word: string, endpoint: Verb['endpoint'], reaches: Verb['reaches'], example = 'web'): Verb => ({
  word,
  endpoint,
  arguments: ['uuid...'],
  ...(reaches && { reaches }),
  example,
});

const lockedBy: Column = { name: 'lockedBy', of: ({ lock }) => (lock as InstanceView['lock'])?.by ?? '-' };

export const instanceNoun: Noun = {
  id: 'uuid',
  columns: ['name', 'uuid', 'vmState', 'taskState', lockedBy, 'ports.addresses', 'flavor.name', 'host', 'createdAt'],
  verbs: [
    {
      word: 'create',
      endpoint: instance.create,
      arguments: ['name'],
      flags: [
        {
          option: new Option(
            '--network <name[:ip]>',
            'a network, by id or name, and the address in it; repeatable',
          ).argParser(repeated),
          field: 'networks',
          toValue: (given: string[]) => given.map(networkWish),
        },
        ...payloadFlags,
        {
          option: new Option('--group <server-group>', 'a server group to join, by id or name'),
          field: 'hints.group',
          listing: groups,
        },
        {
          option: new Option('--same-host <instance>', 'on the host of this one; repeatable').argParser(repeated),
          field: 'hints.sameHost',
          listing: byUuid,
        },
        {
          option: new Option('--different-host <instance>', 'not on the host of this one; repeatable').argParser(
            repeated,
          ),
          field: 'hints.differentHost',
          listing: byUuid,
        },
      ],
      reaches: ['active'],
      example: 'web --image kilonova-test --flavor m1.micro --network default --metadata role=web --wait',
    },
    { word: 'list', endpoint: instance.list, watches: 'instances', example: '--vm-state active --sort-by name' },
    { word: 'count', endpoint: instance.count, columns: ['state', 'vmState', 'count'], example: '' },
    { word: 'show', endpoint: instance.get, arguments: ['uuid...'], example: 'web' },
    {
      word: 'update',
      endpoint: instance.update,
      arguments: ['uuid'],
      example: 'web --name web --tag front --metadata stage=test --unset-metadata role',
    },
    consoleVerb,
    attachVerb,
    {
      word: 'actions',
      endpoint: instance.actions,
      arguments: ['uuid'],
      columns: ['action', 'result', 'startedAt', 'finishedAt', 'userId', 'requestId'],
      example: 'web',
    },
    eventsVerb,
    watchVerb,
    command('stop', instance.stop, ['stopped'], 'web --wait'),
    command('start', instance.start, ['active'], 'web --wait --timeout 5m'),
    command('reboot', instance.reboot, ['active'], 'web --how hard --wait'),
    command('pause', instance.pause, ['paused'], 'web --wait'),
    command('unpause', instance.unpause, ['active'], 'web --wait'),
    command('suspend', instance.suspend, ['suspended'], 'web --wait'),
    command('resume', instance.resume, ['active'], 'web --wait'),
    command('lock', instance.lock, undefined, 'web --reason "being looked at"'),
    command('unlock', instance.unlock, undefined),
    {
      word: 'rebuild',
      endpoint: instance.rebuild,
      arguments: ['uuid...'],
      flags: payloadFlags,
      reaches: ['active', 'stopped'],
      example: 'web --image kilonova-test --wait',
    },
    command('resize', instance.resize, ['resized'], 'web --flavor m1.tiny --wait'),
    command('confirm-resize', instance.confirmResize, ['active', 'stopped'], 'web --wait'),
    command('revert-resize', instance.revertResize, ['active', 'stopped'], 'web --wait'),
    command('evacuate', instance.evacuate, ['active', 'stopped'], 'web --host host2 --wait'),
    command('delete', instance.delete, ['deleted'], 'web --wait'),
  ],
};
