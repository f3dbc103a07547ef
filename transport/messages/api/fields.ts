/** Fields that requests of several resources share. */
import Type from 'typebox';
import { Exact, Id, Name, Uuid } from '../common.ts';
import { Of } from './endpoint.ts';

export const Nothing = Exact({});

/** Of every list: the page after `marker`, which is the last entry of the page before. An empty page is the end. */
export const paging = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'the most that one page may hold' })),
};

export const InstanceUuid = Of('instance.list', '/instances/*/uuid', Uuid);
/** Id or name. */
export const FlavorRef = Of('flavor.list', '/flavors/*/id', Name);
/** Id or name. */
export const ImageRef = Of('image.list', '/images/*/id', Name);
/** Id or name. */
export const NetworkRef = Of('network.list', '/networks/*/id', Name);
export const KeyPairName = Of('key-pair.list', '/keyPairs/*/name', Name);
export const SecurityGroupName = Of('security-group.list', '/securityGroups/*/name', Name);
export const HostName = Of('host.list', '/hosts/*/name', Type.String({ minLength: 1, maxLength: 255 }));
export const ZoneName = Of('zone.list', '/zones/*/name', Id);
export const ProjectId = Of('project.list', '/projects/*/id', Id);
export const UserId = Of('user.list', '/users/*/id', Id);
