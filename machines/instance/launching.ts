/** A launch: the instance is placed, and its host makes it. Nova's `_build_and_run_instance`. */
import { blame, state, tell, wishDeletion } from './setup.ts';
import { within } from './timeouts.ts';

export const scheduling = state({
  description: 'The scheduler is asked to choose a host. The controller’s sweep holds it to its deadline.',
  tags: ['control', 'placing'],
  meta: { vmState: 'building', taskState: 'scheduling' },
  invoke: {
    src: 'requestPlacement',
    input: within('placementTimeout'),
    onError: { target: 'failed.scheduling', actions: blame('scheduling') },
  },
  on: {
    'instance.scheduled': {
      target: 'building',
      actions: { type: 'recordHost', params: ({ event }) => ({ host: event.host }) },
    },
    'placement.failed': { target: 'failed.scheduling', actions: blame('scheduling') },
    'instance.delete': { target: 'deleted', actions: wishDeletion },
  },
});

export const building = state({
  description: 'The host looks whether it can launch the instance, and sets its share aside.',
  tags: ['unclaimed', 'guestless'],
  meta: { vmState: 'building' },
  on: { 'host.lost': { target: 'reclaiming', actions: blame('building') } },
  initial: 'checking',
  states: {
    checking: {
      description: 'Is it not launched already, and does its image fit its flavor?',
      tags: 'placed',
      invoke: {
        src: 'checkLaunch',
        input: within('claimTimeout'),
        onDone: { target: 'claiming' },
        onError: { target: '#instance.releasing.releasingClaim', actions: blame('building') },
      },
    },
    claiming: {
      description: 'Sets aside the vCPUs, memory and disk that the flavor asks for.',
      invoke: {
        src: 'claimResources',
        input: within('claimTimeout'),
        onDone: { target: '#instance.networking', actions: tell('create.start') },
        onError: { target: '#instance.releasing.releasingClaim', actions: blame('building') },
      },
    },
  },
});

export const networking = state({
  description: 'The network controller is called for ports and fixed IPs.',
  tags: 'guestless',
  meta: { vmState: 'building', taskState: 'networking' },
  on: { 'host.lost': { target: 'reclaiming', actions: blame('networking') } },
  invoke: {
    src: 'allocateNetwork',
    input: within('networkTimeout'),
    onDone: {
      target: 'mapping',
      actions: { type: 'recordPorts', params: ({ event }) => ({ ports: event.output.ports }) },
    },
    // What a try has left that is not known of any more is removed before: where that fails, it has to be given back.
    onError: { target: 'releasing', actions: blame('networking') },
  },
});

export const mapping = state({
  description: 'Block devices are prepared: the volumes that the instance is to have are connected.',
  meta: { vmState: 'building', taskState: 'block_device_mapping' },
  on: { 'host.lost': { target: 'reclaiming', actions: blame('mapping') } },
  invoke: {
    src: 'mapBlockDevices',
    input: within('blockDeviceTimeout'),
    onDone: { target: 'spawning' },
    onError: { target: 'releasing.unmappingBlockDevices', actions: blame('mapping') },
  },
});

/** Whatever step of it failed: all that may have been made is given back. */
const notSpawned = { target: '#instance.releasing', actions: blame('spawning') } as const;

export const spawning = state({
  description: 'The hypervisor makes the virtual machine and starts it.',
  meta: { vmState: 'building', taskState: 'spawning' },
  on: { 'host.lost': { target: 'reclaiming', actions: blame('spawning') } },
  initial: 'preparingFilter',
  states: {
    preparingFilter: {
      description: 'Basic filtering is set up and the instance filter prepared, before there is a tap.',
      invoke: {
        src: 'prepareFilter',
        input: within('filterTimeout'),
        onDone: { target: 'creatingDisks' },
        onError: notSpawned,
      },
    },
    creatingDisks: {
      description: 'The image is cached, an overlay made on it, and the config drive written.',
      invoke: {
        src: 'createDisks',
        input: within('imageTimeout'),
        onDone: { target: 'creatingDomain' },
        onError: notSpawned,
      },
    },
    creatingDomain: {
      description: 'The domain is defined from its XML and started.',
      invoke: {
        src: 'createDomain',
        input: within('domainTimeout'),
        onDone: { target: 'enablingHairpin' },
        onError: notSpawned,
      },
    },
    enablingHairpin: {
      description: 'The bridge may send a frame back to the port that it came from.',
      invoke: {
        src: 'enableHairpin',
        input: within('filterTimeout'),
        onDone: { target: 'applyingFilter' },
        onError: notSpawned,
      },
    },
    applyingFilter: {
      description: 'The instance filter comes into force.',
      invoke: {
        src: 'applyFilter',
        input: within('filterTimeout'),
        onDone: { target: 'waitingForBoot' },
        onError: notSpawned,
      },
    },
    waitingForBoot: {
      description: 'The domain has to be seen running.',
      invoke: {
        src: 'waitForBoot',
        input: within('bootTimeout'),
        onDone: { target: '#instance.running', actions: ['recordLaunch', tell('create.end')] },
        onError: notSpawned,
      },
    },
  },
});
