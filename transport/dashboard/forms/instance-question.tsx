/** The question before something is done to instances that cannot be undone, or that needs a choice. */
import { type Signal, useSignal } from '@preact/signals';
import { fail } from '../../../machines/failure.ts';
import type { InstanceView } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import { askAll } from '../ask-all.ts';
import { Confirm } from '../components/dialog.tsx';
import { SelectField } from '../components/field.tsx';
import { tell } from '../components/toasts.tsx';
import { plural } from '../format.ts';
import { useAsked } from '../use-asked.ts';
import { type InstanceCommand, type Refused, sendToAll } from './instance-commands.ts';

/** More names are only counted. */
const mostNamed = 8;

export interface Asked {
  command: InstanceCommand;
  instances: readonly InstanceView[];
}

/** Whether somebody is to be asked first. */
export function isAskedFirst({ command, instances }: Asked): boolean {
  return command.warning !== undefined || command.choice !== undefined || instances.length > 1;
}

/** Does it without a question, and tells when it cannot be done. */
export async function doAtOnce({ command, instances }: Asked): Promise<void> {
  for (const { instance, failure } of await sendToAll(command, instances, '')) {
    tell(`${command.verb} ${instance.name}: ${failure.message}`, { isError: true });
  }
}

export function InstanceQuestion({ command, instances, onClose }: Asked & { onClose(): void }) {
  const { verb, warning } = command;
  const choice = useSignal('');
  const [first] = instances;
  const what = instances.length === 1 && first ? first.name : plural(instances.length, 'instance');

  async function confirm(): Promise<void> {
    if (command.choice === 'flavor' && choice.value === '') throw fail('invalid_request', 'choose a flavor');
    const refused = await sendToAll(command, instances, choice.value);
    if (refused.length === instances.length && refused[0])
      throw fail(refused[0].failure.code, refused[0].failure.message);
    for (const each of refused) tell(reasonOf(each), { isError: true });
  }

  return (
    <Confirm
      title={`${verb} ${what}?`}
      verb={verb}
      isDestructive={warning !== undefined}
      onConfirm={confirm}
      onClose={onClose}
    >
      {instances.length > 1 && <Names instances={instances} />}
      {warning && <p>{warning}</p>}
      {command.choice === 'flavor' && <FlavorChoice choice={choice} instances={instances} />}
      {command.choice === 'image' && <ImageChoice choice={choice} />}
    </Confirm>
  );
}

function reasonOf({ instance, failure }: Refused): string {
  return `${instance.name}: ${failure.message}`;
}

function Names({ instances }: { instances: readonly InstanceView[] }) {
  const named = instances.slice(0, mostNamed);
  const more = instances.length - named.length;
  return (
    <ul class="names">
      {named.map(({ uuid, name }) => (
        <li key={uuid}>{name}</li>
      ))}
      {more > 0 && <li>and {more} more</li>}
    </ul>
  );
}

interface ChoiceProps {
  choice: Signal<string>;
}

function FlavorChoice({ choice, instances }: ChoiceProps & Pick<Asked, 'instances'>) {
  const { data } = useAsked(
    () =>
      askAll(
        api.flavor.list,
        ({ flavors }) => flavors,
        ({ id }) => id,
      ),
    [],
  );
  const present = instances.length === 1 ? instances[0]?.flavor.id : undefined;
  return (
    <SelectField
      label="Flavor"
      text={choice}
      none="Choose"
      hint="It is stopped for it, and started again when it ran."
      options={(data.value ?? []).map(({ id, name }) => ({ value: id, label: name, isDisabled: id === present }))}
    />
  );
}

function ImageChoice({ choice }: ChoiceProps) {
  const { data } = useAsked(
    () =>
      askAll(
        api.image.list,
        ({ images }) => images,
        ({ id }) => id,
      ),
    [],
  );
  return (
    <SelectField
      label="Image"
      text={choice}
      none="The one that it has"
      options={(data.value ?? [])
        .filter(({ status }) => status === 'active')
        .map(({ id, name }) => ({ value: id, label: name }))}
    />
  );
}
