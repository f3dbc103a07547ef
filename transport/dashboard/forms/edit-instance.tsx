/** Renames an instance, and changes its metadata. */
import { useSignal } from '@preact/signals';
import { toFailure } from '../../../machines/failure.ts';
import type { InstanceView } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { Dialog } from '../components/dialog.tsx';
import { TextField } from '../components/field.tsx';
import { Notice } from '../components/notice.tsx';
import { put } from '../live/instances.ts';
import { MetadataField } from './metadata-field.tsx';
import { type Problems, problemsOf, problemsOfFailure } from './problems.ts';

export function EditInstance({ instance, onClose }: { instance: InstanceView; onClose(): void }) {
  const name = useSignal(instance.name);
  const metadata = useSignal<readonly (readonly [name: string, value: string])[]>(Object.entries(instance.metadata));
  const problems = useSignal<Problems>({});
  const isBusy = useSignal(false);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const body = { uuid: instance.uuid, name: name.value, metadata: Object.fromEntries(metadata.value) };
    problems.value = {
      ...problemsOf(api.instance.update, body),
      ...(body.name === '' && { name: 'This is required.' }),
    };
    if (Object.keys(problems.value).length > 0) return;
    isBusy.value = true;
    try {
      put((await ask(api.instance.update, body)).instance);
      onClose();
    } catch (error) {
      problems.value = problemsOfFailure(toFailure(error));
    } finally {
      isBusy.value = false;
    }
  }

  return (
    <Dialog title={`Edit ${instance.name}`} onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <TextField
          label="Name"
          hint="The guest goes on with the hostname that it has."
          text={name}
          problem={problems.value.name}
        />
        <MetadataField entries={metadata} problem={problems.value.metadata} />
        {problems.value[''] && <Notice kind="error">{problems.value['']}</Notice>}
        <div class="buttons">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={isBusy.value}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}
