/** The launch form. What is asked for is checked by the API's own schema before it is sent. */

import { useState } from 'preact/hooks';
import { Link, useLocation } from 'wouter-preact';
import type { CreateInstance, InstanceView } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { ChecksField } from '../components/checks-field.tsx';
import { SelectField, TextArea, TextField } from '../components/field.tsx';
import { Loading } from '../components/loading.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { Page } from '../components/page.tsx';
import { tell } from '../components/toasts.tsx';
import { formatDisk, formatMemory, plural } from '../format.ts';
import { type LaunchChoices, launchChoices } from '../forms/launch-choices.ts';
import { LaunchForm } from '../forms/launch-request.ts';
import { MetadataField } from '../forms/metadata-field.tsx';
import { problemsOfLines } from '../forms/metadata-lines.ts';
import { problemsOf } from '../forms/problems.ts';
import { QuotaUse } from '../forms/quota-use.tsx';
import { type FormState, RequestForm } from '../forms/request-form.tsx';
import { put } from '../live/instances.ts';
import { useAsked } from '../use-asked.ts';

export function LaunchPage() {
  const { data, failure } = useAsked(launchChoices, []);
  return (
    <Page title="Launch" back={{ to: '/instances', label: 'Instances' }}>
      <FailureNotice failure={failure.value} />
      {data.value ? <LaunchFields choices={data.value} /> : !failure.value && <Loading />}
    </Page>
  );
}

function LaunchFields({ choices }: { choices: LaunchChoices }) {
  const [form] = useState(() => firstOf(choices));
  const [, go] = useLocation();

  async function send(): Promise<readonly InstanceView[]> {
    const { instances } = await ask(api.instance.create, form.tokenedRequest() as CreateInstance);
    put(...instances);
    tell(`${plural(instances.length, 'instance')} on the way`);
    return instances;
  }

  return (
    <RequestForm
      class="launch"
      fields={shownFields}
      check={() => ({ ...problemsOfLines(form.metadata.value), ...problemsOf(api.instance.create, form.request()) })}
      send={send}
      onDone={([first, another]) => go(first && !another ? `/instances/${first.uuid}` : '/instances')}
    >
      {(state) => <Fields form={form} choices={choices} {...state} />}
    </RequestForm>
  );
}

function Fields({
  form,
  choices,
  problems,
  notices,
  isBusy,
}: FormState & { form: LaunchForm; choices: LaunchChoices }) {
  const { images, flavors, networks, keyPairs, securityGroups, zones, quota } = choices;
  const flavor = flavors.find(({ id }) => id === form.flavor.value);
  const chosen = networks.filter(({ id }) => form.networks.value.includes(id));
  const isAddressed = (id: string) => form.fixedIpIn(id).value.trim() !== '';
  // Networks are chosen out of those that there are: what is wrong with them is what was typed.
  const ofAddress = chosen.some(({ id }) => isAddressed(id)) ? problems.networks : undefined;
  return (
    <>
      <div class="fields">
        <div class="columns">
          <TextField label="Name" text={form.name} problem={problems.name} />
          <TextField label="Count" type="number" min="1" max="100" text={form.count} problem={problems.minCount} />
        </div>
        <SelectField
          label="Image"
          text={form.image}
          problem={problems.image}
          {...(images.length === 0 && { none: 'There is none yet' })}
          options={images.map(({ id, name }) => ({ value: id, label: name }))}
        />
        <SelectField
          label="Flavor"
          text={form.flavor}
          problem={problems.flavor}
          hint={flavor && `${plural(flavor.vcpus, 'vCPU')}, ${formatMemory(flavor.memoryMb)} memory, ${diskOf(flavor)}`}
          options={flavors.map(({ id, name }) => ({ value: id, label: name }))}
        />
        <div class="columns">
          <SelectField
            label="Key pair"
            text={form.keyName}
            none="None"
            isOptional
            problem={problems.keyName}
            hint={<Link to="/key-pairs">Your key pairs</Link>}
            options={keyPairs.map(({ name }) => ({ value: name, label: name }))}
          />
          <SelectField
            label="Zone"
            text={form.zone}
            none="Any"
            isOptional
            problem={problems.availabilityZone}
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
            problem={ofAddress === undefined ? problems.networks : undefined}
            options={networks.map(({ id, name }) => ({ value: id, label: name }))}
          />
          <ChecksField
            label="Security groups"
            hint="None: the group “default”."
            chosen={form.securityGroups}
            problem={problems.securityGroups}
            options={securityGroups.map(({ name }) => ({ value: name, label: name }))}
          />
        </div>
        {chosen.length > 0 && (
          <details>
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
            problem={problems.userData}
          />
          <MetadataField lines={form.metadata} problem={problems.metadata} />
        </details>
        {notices}
        <div class="buttons">
          <button type="submit" class="primary" aria-disabled={isBusy}>
            {form.wanted > 1 ? `Launch ${form.wanted}` : 'Launch'}
          </button>
        </div>
      </div>
      <QuotaUse quota={quota} launch={{ flavor, count: form.wanted }} />
    </>
  );
}

const shownFields = [
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
];

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
