/** The launch form. What is asked for is checked by the API's own schema before it is sent, and what the API refuses is said at its field. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Link, useLocation } from 'wouter-preact';
import { toFailure } from '../../../machines/failure.ts';
import type { CreateInstance } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { ChecksField } from '../components/checks-field.tsx';
import { SelectField, TextArea, TextField } from '../components/field.tsx';
import { FailureNotice, Notice } from '../components/notice.tsx';
import { Page } from '../components/page.tsx';
import { tell } from '../components/toasts.tsx';
import { formatDisk, formatMemory, plural } from '../format.ts';
import { type LaunchChoices, launchChoices } from '../forms/launch-choices.ts';
import { LaunchForm } from '../forms/launch-request.ts';
import { MetadataField } from '../forms/metadata-field.tsx';
import { problemsOfLines } from '../forms/metadata-lines.ts';
import { type Problems, problemsOf, problemsOfFailure } from '../forms/problems.ts';
import { QuotaUse } from '../forms/quota-use.tsx';
import { put } from '../live/instances.ts';
import { useAsked } from '../use-asked.ts';

export function LaunchPage() {
  const { data, failure } = useAsked(launchChoices, []);
  return (
    <Page title="Launch" back={{ to: '/instances', label: 'Instances' }}>
      <FailureNotice failure={failure.value} />
      {data.value ? <LaunchFields choices={data.value} /> : !failure.value && <p class="quiet">Loading…</p>}
    </Page>
  );
}

function LaunchFields({ choices }: { choices: LaunchChoices }) {
  const { images, flavors, networks, keyPairs, securityGroups, zones, quota } = choices;
  const [form] = useState(() => firstOf(choices));
  const problems = useSignal<Problems>({});
  const isBusy = useSignal(false);
  const element = useRef<HTMLFormElement>(null);
  const [, go] = useLocation();
  const wrong = problems.value;
  const flavor = flavors.find(({ id }) => id === form.flavor.value);
  const chosen = networks.filter(({ id }) => form.networks.value.includes(id));
  const isAddressed = (id: string) => form.fixedIpIn(id).value.trim() !== '';
  // Networks are chosen out of those that there are: what is wrong with them is what was typed.
  const ofAddress = chosen.some(({ id }) => isAddressed(id)) ? wrong.networks : undefined;

  // Whoever is told that something is wrong is taken there.
  useEffect(() => {
    element.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus();
  }, [wrong]);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const request = form.request();
    problems.value = { ...problemsOfLines(form.metadata.value), ...problemsOf(api.instance.create, request) };
    if (Object.keys(problems.value).length > 0) return;
    isBusy.value = true;
    try {
      const { instances } = await ask(api.instance.create, request as CreateInstance);
      put(...instances);
      tell(`${plural(instances.length, 'instance')} on the way`);
      const [first] = instances;
      go(instances.length === 1 && first ? `/instances/${first.uuid}` : '/instances');
    } catch (error) {
      problems.value = problemsOfFailure(toFailure(error));
    } finally {
      isBusy.value = false;
    }
  }

  const elsewhere = Object.entries(wrong).filter(([name]) => !shownFields.has(name));
  // What was said of the whole was said of another request than the one that stands there now.
  const forgetElsewhere = () => {
    if (elsewhere.length === 0) return;
    problems.value = Object.fromEntries(Object.entries(wrong).filter(([name]) => shownFields.has(name)));
  };
  return (
    <form class="launch" ref={element} onSubmit={submit} onInput={forgetElsewhere} noValidate>
      <div class="fields">
        <div class="columns">
          <TextField label="Name" text={form.name} problem={wrong.name} />
          <TextField label="Count" type="number" min="1" max="100" text={form.count} problem={wrong.minCount} />
        </div>
        <SelectField
          label="Image"
          text={form.image}
          problem={wrong.image}
          {...(images.length === 0 && { none: 'There is none yet' })}
          options={images.map(({ id, name }) => ({ value: id, label: name }))}
        />
        <SelectField
          label="Flavor"
          text={form.flavor}
          problem={wrong.flavor}
          hint={flavor && `${plural(flavor.vcpus, 'vCPU')}, ${formatMemory(flavor.memoryMb)} memory, ${diskOf(flavor)}`}
          options={flavors.map(({ id, name }) => ({ value: id, label: name }))}
        />
        <div class="columns">
          <SelectField
            label="Key pair"
            text={form.keyName}
            none="None"
            isOptional
            problem={wrong.keyName}
            hint={<Link to="/key-pairs">Your key pairs</Link>}
            options={keyPairs.map(({ name }) => ({ value: name, label: name }))}
          />
          <SelectField
            label="Zone"
            text={form.zone}
            none="Any"
            isOptional
            problem={wrong.availabilityZone}
            options={zones.map(({ name, isAvailable }) => ({
              value: name,
              label: isAvailable ? name : `${name} (no host free)`,
              isDisabled: !isAvailable,
            }))}
          />
        </div>
        <div class="columns">
          <ChecksField
            label="Networks"
            hint={networks.length > 1 ? 'A port in each.' : undefined}
            chosen={form.networks}
            problem={ofAddress === undefined ? wrong.networks : undefined}
            options={networks.map(({ id, name }) => ({ value: id, label: name }))}
          />
          <ChecksField
            label="Security groups"
            hint="None: the group “default”."
            chosen={form.securityGroups}
            problem={wrong.securityGroups}
            options={securityGroups.map(({ name }) => ({ value: name, label: name }))}
          />
        </div>
        {chosen.length > 0 && (
          <details {...(ofAddress !== undefined && { open: true })}>
            <summary>Fixed addresses</summary>
            {chosen.map(({ id, name }) => (
              <TextField
                key={id}
                label={`Address in ${name}`}
                isOptional
                hint="None: a free one."
                text={form.fixedIpIn(id)}
                problem={isAddressed(id) ? ofAddress : undefined}
              />
            ))}
          </details>
        )}
        <details>
          <summary>User data and metadata</summary>
          <TextArea
            label="User data"
            isOptional
            rows={6}
            hint="What cloud-init in the guest is to do, such as a #cloud-config. It is never shown again."
            text={form.userData}
            problem={wrong.userData}
          />
          <MetadataField lines={form.metadata} problem={wrong.metadata} />
        </details>
        {elsewhere.map(([name, text]) => (
          <Notice key={name} kind="error">
            {text}
          </Notice>
        ))}
        <div class="buttons">
          <button type="submit" class="primary" disabled={isBusy.value}>
            {form.wanted > 1 ? `Launch ${form.wanted}` : 'Launch'}
          </button>
        </div>
      </div>
      <QuotaUse quota={quota} launch={{ flavor, count: form.wanted }} />
    </form>
  );
}

/** Fields at which a problem is shown; those of any others are said beneath. */
const shownFields = new Set([
  'name',
  'minCount',
  'image',
  'flavor',
  'keyName',
  'availabilityZone',
  'networks',
  'securityGroups',
  'userData',
  'metadata',
]);

/** What is chosen for whoever does not choose. */
function firstOf({ images, flavors, networks }: LaunchChoices): LaunchForm {
  const form = new LaunchForm();
  form.image.value = images[0]?.id ?? '';
  form.flavor.value = flavors[0]?.id ?? '';
  const [only, another] = networks;
  if (only && !another) form.networks.value = [only.id];
  return form;
}

function diskOf({ rootGb }: { rootGb: number }): string {
  return rootGb === 0 ? 'a disk as large as the image’s' : `${formatDisk(rootGb)} disk`;
}
