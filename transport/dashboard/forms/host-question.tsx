/** What an administrator may want of a host, and the question that is asked before it is done. */
import { useSignal } from '@preact/signals';
import type { HostView } from '../../messages/api/host.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { TextField } from '../components/field.tsx';
import { isDown } from '../components/host-state.tsx';
import { tell } from '../components/toasts.tsx';
import { plural } from '../format.ts';
import { FormDialog } from './form-dialog.tsx';

export interface HostCommand {
  verb: string;
  isOffered(host: HostView): boolean;
  /** What comes of it. */
  tells(host: HostView): string;
  wantsReason?: boolean;
  isDestructive?: boolean;
  send(host: string, reason: string): Promise<unknown>;
}

export const hostCommands: readonly HostCommand[] = [
  {
    verb: 'Enable',
    isOffered: ({ service }) => service !== 'enabled',
    tells: () => 'New instances may come to it again.',
    send: (host) => ask(api.host.enable, { host }),
  },
  {
    verb: 'Disable',
    isOffered: ({ service }) => service === 'enabled',
    tells: () => 'New instances are kept away. Those that are there go on.',
    wantsReason: true,
    send: (host, reason) => ask(api.host.disable, { host, reason }),
  },
  {
    verb: 'Drain',
    isOffered: ({ service }) => service !== 'draining',
    tells: () => 'New instances are kept away, and those that are there are to be moved or deleted.',
    wantsReason: true,
    send: (host, reason) => ask(api.host.drain, { host, reason }),
  },
  {
    verb: 'Evacuate',
    isOffered: (host) => isDown(host) && host.instances > 0,
    tells: ({ instances, sharedDisks }) =>
      `${plural(instances, 'instance')} will be made anew on other hosts. ${
        sharedDisks
          ? `Those that go to a host which shares the storage ${sharedDisks} keep their disk: make sure that this host is off, or cut off from the storage.`
          : 'What was written to their disks is lost.'
      }`,
    isDestructive: true,
    send: (host) => ask(api.host.evacuate, { host }),
  },
  {
    verb: 'Delete',
    isOffered: (host) => (isDown(host) || host.hypervisorState === 'stopped') && host.instances === 0,
    tells: () => 'It is forgotten. Do this when it never comes back.',
    isDestructive: true,
    send: (host) => ask(api.host.delete, { host }),
  },
];

interface HostQuestionProps {
  host: HostView;
  command: HostCommand;
  onDone(): unknown;
  onClose(): void;
}

export function HostQuestion({ host, command, onDone, onClose }: HostQuestionProps) {
  const { verb, wantsReason = false, isDestructive = false } = command;
  const reason = useSignal('');
  return (
    <FormDialog
      title={`${verb} host ${host.name}?`}
      verb={verb}
      isDestructive={isDestructive}
      onClose={onClose}
      send={async () => {
        await command.send(host.name, reason.value);
        onDone();
      }}
      afterwards={() => tell(`${verb} ${host.name}: accepted`)}
    >
      <p>{command.tells(host)}</p>
      {wantsReason && <TextField label="Reason" hint="For other administrators" text={reason} maxLength={4096} />}
    </FormDialog>
  );
}
