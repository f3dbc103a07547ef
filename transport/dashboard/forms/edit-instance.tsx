/** Renames an instance, and changes its metadata. */
import { useSignal } from '@preact/signals';
import { useState } from 'preact/hooks';
import type { InstanceView } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { TextField } from '../components/field.tsx';
import { put } from '../live/instances.ts';
import { FormDialog } from './form-dialog.tsx';
import { MetadataField } from './metadata-field.tsx';
import { changesOf, type MetadataLines, problemsOfLines } from './metadata-lines.ts';
import { problemsOf } from './problems.ts';

export function EditInstance({ instance, onClose }: { instance: InstanceView; onClose(): void }) {
  // Somebody else may change it while it is open.
  const [before] = useState(instance);
  const name = useSignal(before.name);
  const metadata = useSignal<MetadataLines>(Object.entries(before.metadata));

  function request() {
    const changes = changesOf(before.metadata, metadata.value);
    return {
      uuid: before.uuid,
      ...(name.value !== before.name && { name: name.value }),
      ...(Object.keys(changes).length > 0 && { metadata: changes }),
    };
  }

  return (
    <FormDialog
      title={`Edit ${before.name}`}
      verb="Save"
      fields={['name', 'metadata']}
      check={() => ({
        ...problemsOfLines(metadata.value),
        ...problemsOf(api.instance.update, request()),
        ...(name.value === '' && { name: 'This is required.' }),
      })}
      send={async () => put((await ask(api.instance.update, request())).instance)}
      onClose={onClose}
    >
      {(problems) => (
        <>
          <TextField
            label="Name"
            hint="The guest goes on with the hostname that it has."
            text={name}
            problem={problems.name}
          />
          <MetadataField lines={metadata} problem={problems.metadata} />
        </>
      )}
    </FormDialog>
  );
}
