/** Renames an instance, and changes its metadata. */
import { useSignal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { toFailure } from '../../../machines/failure.ts';
import type { InstanceView } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { Dialog, DialogButtons } from '../components/dialog.tsx';
import { TextField } from '../components/field.tsx';
import { Notice } from '../components/notice.tsx';
import { put } from '../live/instances.ts';
import { MetadataField } from './metadata-field.tsx';
import { changesOf, type MetadataLines, problemsOfLines } from './metadata-lines.ts';
import { type Problems, problemsOf, problemsOfFailure } from './problems.ts';

export function EditInstance({ instance, onClose }: { instance: InstanceView; onClose(): void }) {
  // Somebody else may change it while it is open.
  const [before] = useState(instance);
  const name = useSignal(before.name);
  const metadata = useSignal<MetadataLines>(Object.entries(before.metadata));
  const problems = useSignal<Problems>({});
  const isBusy = useSignal(false);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const changes = changesOf(before.metadata, metadata.value);
    const body = {
      uuid: before.uuid,
      ...(name.value !== before.name && { name: name.value }),
      ...(Object.keys(changes).length > 0 && { metadata: changes }),
    };
    problems.value = {
      ...problemsOfLines(metadata.value),
      ...problemsOf(api.instance.update, body),
      ...(name.value === '' && { name: 'This is required.' }),
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
    <Dialog title={`Edit ${before.name}`} onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <TextField
          label="Name"
          hint="The guest goes on with the hostname that it has."
          text={name}
          problem={problems.value.name}
        />
        <MetadataField lines={metadata} problem={problems.value.metadata} />
        {problems.value[''] && <Notice kind="error">{problems.value['']}</Notice>}
        <DialogButtons verb="Save" isBusy={isBusy.value} onClose={onClose} />
      </form>
    </Dialog>
  );
}
