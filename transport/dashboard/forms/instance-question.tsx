/** The question before something is done to instances that cannot be undone, or that needs a choice. */
import { type Signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { FailureError, fail } from '../../../machines/failure.ts';
import type { InstanceView } from '../../messages/api/instance.ts';
import { listFlavors, listImages } from '../ask-all.ts';
import { SelectField } from '../components/field.tsx';
import { sentence } from '../components/notice.tsx';
import { tell } from '../components/toasts.tsx';
import { plural } from '../format.ts';
import { type Asked as AskedFor, useAsked } from '../use-asked.ts';
import { FormDialog } from './form-dialog.tsx';
import { type InstanceCommand, type Refused, sendToAll } from './instance-commands.ts';

/** More names are only counted. */
const mostNamed = 8;

interface Asked {
  command: InstanceCommand;
  instances: readonly InstanceView[];
}

/** `begin` does it, or asks first; the question is to be shown where it is told. */
export function useInstanceQuestion(): { begin(asked: Asked): void; question: ComponentChildren } {
  const open = useSignal<Asked | undefined>(undefined);
  return {
    begin: (asked) => {
      if (isAskedFirst(asked)) open.value = asked;
      else void doAtOnce(asked);
    },
    question: open.value && (
      <InstanceQuestion
        {...open.value}
        onClose={() => {
          open.value = undefined;
        }}
      />
    ),
  };
}

/** Whether somebody is to be asked first. */
function isAskedFirst({ command, instances }: Asked): boolean {
  return command.warning !== undefined || command.choice !== undefined || instances.length > 1;
}

/** Does it without a question, and tells when it cannot be done. */
async function doAtOnce({ command, instances }: Asked): Promise<void> {
  for (const { instance, failure } of await sendToAll(command, instances, '')) {
    tell(`${command.verb} ${instance.name}: ${failure.message}`, { isError: true });
  }
}

function InstanceQuestion({ command, instances, onClose }: Asked & { onClose(): void }) {
  const { verb, warning } = command;
  const choice = useSignal('');
  const [first] = instances;
  const what = instances.length === 1 && first ? first.name : plural(instances.length, 'instance');

  /** Resolves with why some of them were refused. */
  async function send(): Promise<string | undefined> {
    const refused = await sendToAll(command, instances, choice.value);
    const [one] = refused;
    if (!one) return undefined;
    if (instances.length === 1) throw new FailureError(one.failure);
    const reasons = reasonsOf(refused).join('; ');
    if (refused.length === instances.length) throw fail(one.failure.code, reasons);
    return reasons;
  }

  return (
    <FormDialog
      title={`${verb} ${what}?`}
      verb={verb}
      isDestructive={warning !== undefined}
      fields={['flavor']}
      check={() => (command.choice === 'flavor' && choice.value === '' ? { flavor: 'Choose one.' } : {})}
      send={send}
      afterwards={(reasons) => reasons && tell(`${verb}: ${reasons}`, { isError: true })}
      onClose={onClose}
    >
      {(problems) => (
        <>
          {instances.length > 1 && <Names instances={instances} />}
          {warning && <p>{warning}</p>}
          {command.choice === 'flavor' && (
            <FlavorChoice choice={choice} instances={instances} problem={problems.flavor} />
          )}
          {command.choice === 'image' && <ImageChoice choice={choice} />}
        </>
      )}
    </FormDialog>
  );
}

/** Those that were refused alike together. */
function reasonsOf(refused: readonly Refused[]): string[] {
  const alike = Map.groupBy(refused, ({ failure }) => failure.message);
  return [...alike].map(([message, each]) => {
    const names = each.map(({ instance }) => instance.name);
    const more = names.length > mostNamed ? [`and ${names.length - mostNamed} more`] : [];
    return `${[...names.slice(0, mostNamed), ...more].join(', ')}: ${message}`;
  });
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
  problem?: string | undefined;
}

function FlavorChoice({ choice, instances, problem }: ChoiceProps & Pick<Asked, 'instances'>) {
  const flavors = useAsked(listFlavors, []);
  const present = instances.length === 1 ? instances[0]?.flavor.id : undefined;
  return (
    <SelectField
      label="Flavor"
      text={choice}
      none="Choose"
      hint="It is stopped for it, and started again when it ran."
      problem={problem ?? whyNone(flavors)}
      options={(flavors.data.value ?? []).map(({ id, name }) => ({
        value: id,
        label: name,
        isDisabled: id === present,
      }))}
    />
  );
}

function ImageChoice({ choice }: ChoiceProps) {
  const images = useAsked(listImages, []);
  return (
    <SelectField
      label="Image"
      text={choice}
      none="The one that it has"
      problem={whyNone(images)}
      options={(images.data.value ?? [])
        .filter(({ status }) => status === 'active')
        .map(({ id, name }) => ({ value: id, label: name }))}
    />
  );
}

/** Why there is nothing to choose from. */
function whyNone({ failure }: AskedFor<unknown>): string | undefined {
  return failure.value && sentence(failure.value.message);
}
