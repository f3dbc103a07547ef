/** Fields that requests of several resources share. */
import Type, { type TSchema } from 'typebox';
import { Described, Exact, Id, Name, Uuid } from '../common.ts';
import { DeadLetterKey } from '../records/dead-letter.ts';
import { Of } from './endpoint.ts';

export const Nothing = Exact({});

/** Of every list: the page after `marker`, which is the last entry of the page before. An empty page is the end. */
export const paging = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'the most that one page may hold' })),
};

/** A reference to something that has an id and a name. */
export const IdOrName = (list: string, pointer: string, what: string) =>
  Of(list, pointer, Described(Name, `id or name of ${what}`));

export const InstanceUuid = Of('instance.list', '/instances/*/uuid', Described(Uuid, 'the uuid of an instance'));
export const FlavorRef = IdOrName('flavor.list', '/flavors/*/id', 'a flavor');
export const ImageRef = IdOrName('image.list', '/images/*/id', 'an image');
export const NetworkRef = IdOrName('network.list', '/networks/*/id', 'a network');
export const KeyPairName = Of('key-pair.list', '/keyPairs/*/name', Described(Name, 'a key pair of the user'));
export const SecurityGroupName = Of(
  'security-group.list',
  '/securityGroups/*/name',
  Described(Name, 'a security group of the project'),
);
export const HostName = Of(
  'host.list',
  '/hosts/*/name',
  Type.String({ minLength: 1, maxLength: 255, description: 'a compute host' }),
);
export const NewDisk = Type.Optional(
  Type.Boolean({ description: 'makes the disk anew, also where it is on storage that its host shares with others' }),
);
export const ZoneName = Of('zone.list', '/zones/*/name', Described(Id, 'an availability zone'));
export const ProjectId = Of('project.list', '/projects/*/id', Described(Id, 'a project'));
export const UserId = Of('user.list', '/users/*/id', Described(Id, 'a user'));
export const DeadLetterId = Of('dead-letter.list', '/deadLetters/*/id', Described(DeadLetterKey, 'a dead letter'));

/** Of every list: where its page begins. */
export const markedBy = <S extends TSchema>(entry: S) =>
  Type.Optional(Described(entry, 'the last entry of the page before; absent: the first page'));
