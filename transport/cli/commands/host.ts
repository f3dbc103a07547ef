/** `kilonova host …`, `zone …` and `aggregate …` */
import { api } from '../../messages/api.ts';
import { type Column, valueAt } from '../client/columns.ts';
import type { Noun } from '../client/noun.ts';
import { eventsVerb } from './host-facts.ts';

const { host, zone, aggregate } = api;

/** `3/64`: what is used of what there is. */
const use = (resource: string): Column => ({
  name: resource,
  of: (thing) => `${valueAt(thing, `used.${resource}`)}/${valueAt(thing, `capacity.${resource}`)}`,
});

export const hostNoun: Noun = {
  id: 'name',
  columns: [
    'name',
    'isAlive',
    'service',
    'hypervisorState',
    'availabilityZone',
    'hypervisor.virtType',
    'instances',
    use('vcpus'),
    use('memoryMb'),
    use('diskGb'),
    'heartbeatAt',
  ],
  verbs: [
    { word: 'list', endpoint: host.list, watches: 'hosts', example: '--service enabled' },
    { word: 'show', endpoint: host.get, arguments: ['host...'], example: 'host1' },
    eventsVerb,
    { word: 'disable', endpoint: host.disable, arguments: ['host...'], example: 'host2 --reason "new memory"' },
    { word: 'drain', endpoint: host.drain, arguments: ['host...'], example: 'host2 --reason "to be taken out"' },
    { word: 'enable', endpoint: host.enable, arguments: ['host...'], example: 'host2' },
    { word: 'evacuate', endpoint: host.evacuate, arguments: ['host...'], example: 'host1' },
    { word: 'delete', endpoint: host.delete, arguments: ['host...'], example: 'host1' },
  ],
};

export const zoneNoun: Noun = {
  id: 'name',
  columns: ['name', 'isAvailable'],
  verbs: [{ word: 'list', endpoint: zone.list, example: '' }],
};

export const aggregateNoun: Noun = {
  id: 'id',
  columns: ['name', 'id', 'availabilityZone', 'hosts', 'metadata'],
  verbs: [
    {
      word: 'create',
      endpoint: aggregate.create,
      arguments: ['name'],
      example: 'fast --zone ssd --metadata disk=ssd',
    },
    { word: 'list', endpoint: aggregate.list, example: '' },
    { word: 'show', endpoint: aggregate.get, arguments: ['aggregate...'], example: 'fast' },
    { word: 'update', endpoint: aggregate.update, arguments: ['aggregate'], example: 'fast --no-zone' },
    { word: 'add-host', endpoint: aggregate.addHost, arguments: ['aggregate', 'host...'], example: 'fast host2' },
    { word: 'remove-host', endpoint: aggregate.removeHost, arguments: ['aggregate', 'host...'], example: 'fast host2' },
    { word: 'delete', endpoint: aggregate.delete, arguments: ['aggregate...'], example: 'fast' },
  ],
};
