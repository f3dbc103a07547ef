/**
 * What an instance may be told from the page. Whether it may be told so now, its own `commands` say: what the chart allows
 * in its present state.
 */
import { type Failure, toFailure } from '../../../machines/failure.ts';
import type { InstanceView } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { put } from '../live/instances.ts';
import { isAdministrator, isMember } from '../session.ts';

/** So many are sent at a time. */
const atOnce = 8;

export interface InstanceCommand {
  /** As the API calls it, and as the instance says that it may be told so. */
  name: string;
  verb: string;
  /** What is lost by it: it is asked about first. */
  warning?: string;
  /** What else is to be chosen. */
  choice?: 'flavor' | 'image';
  isForAdministrators?: boolean;
  /** Absent: whenever it may be told so. */
  isSensible?(instance: InstanceView): boolean;
  send(uuid: string, choice: string): Promise<{ instance: InstanceView }>;
}

export const instanceCommands: readonly InstanceCommand[] = [
  { name: 'start', verb: 'Start', send: (uuid) => ask(api.instance.start, { uuid }) },
  { name: 'unpause', verb: 'Unpause', send: (uuid) => ask(api.instance.unpause, { uuid }) },
  { name: 'resume', verb: 'Resume', send: (uuid) => ask(api.instance.resume, { uuid }) },
  { name: 'confirm-resize', verb: 'Confirm resize', send: (uuid) => ask(api.instance.confirmResize, { uuid }) },
  {
    name: 'revert-resize',
    verb: 'Revert resize',
    warning: 'What was written to the disk since the resize is lost.',
    send: (uuid) => ask(api.instance.revertResize, { uuid }),
  },
  { name: 'stop', verb: 'Stop', send: (uuid) => ask(api.instance.stop, { uuid }) },
  {
    name: 'reboot',
    verb: 'Reboot',
    // One that is off has no guest that could be asked.
    isSensible: ({ vmState }) => vmState === 'active',
    send: (uuid) => ask(api.instance.reboot, { uuid }),
  },
  {
    name: 'reboot',
    verb: 'Hard reboot',
    warning: 'It is switched off and on, without asking the guest: what it has not written to its disk is lost.',
    send: (uuid) => ask(api.instance.reboot, { uuid, how: 'hard' }),
  },
  { name: 'pause', verb: 'Pause', send: (uuid) => ask(api.instance.pause, { uuid }) },
  { name: 'suspend', verb: 'Suspend', send: (uuid) => ask(api.instance.suspend, { uuid }) },
  {
    name: 'resize',
    verb: 'Resize',
    choice: 'flavor',
    send: (uuid, flavor) => ask(api.instance.resize, { uuid, flavor }),
  },
  {
    name: 'rebuild',
    verb: 'Rebuild',
    warning: 'Its disk is made anew from the image: everything that was written to it is lost.',
    choice: 'image',
    send: (uuid, image) => ask(api.instance.rebuild, { uuid, ...(image !== '' && { image }) }),
  },
  {
    name: 'evacuate',
    verb: 'Evacuate',
    isForAdministrators: true,
    warning:
      'It is made anew on another host. What was written to its disk is lost, unless its host shares its storage with ' +
      'others: make sure that this host is off, or cut off from the storage.',
    send: (uuid) => ask(api.instance.evacuate, { uuid }),
  },
  {
    name: 'delete',
    verb: 'Delete',
    warning: 'Its disk, and its addresses, are given back. It cannot be undone.',
    send: (uuid) => ask(api.instance.delete, { uuid }),
  },
];

/** Whether the user may tell the instance so, in the state in which it is. */
export function isOffered(
  { name, isForAdministrators = false, isSensible }: InstanceCommand,
  instance: InstanceView,
): boolean {
  if (isForAdministrators && !isAdministrator.value) return false;
  return instance.commands.includes(name) && mayCommand(instance.lock) && (isSensible?.(instance) ?? true);
}

/** A locked one hears only administrators. */
function mayCommand(lock: InstanceView['lock']): boolean {
  return isMember.value && (!lock || isAdministrator.value);
}

export interface Refused {
  instance: InstanceView;
  failure: Failure;
}

/** Tells each of them; resolves with those that could not be told. */
export async function sendToAll(
  { send }: InstanceCommand,
  instances: readonly InstanceView[],
  choice: string,
): Promise<Refused[]> {
  const refused: Refused[] = [];
  const rest = instances.values();
  async function work(): Promise<void> {
    for (const instance of rest) {
      try {
        put((await send(instance.uuid, choice)).instance);
      } catch (error) {
        refused.push({ instance, failure: toFailure(error) });
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work));
  return refused;
}
