/** Uploads an image: a disk in the form that its file has. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { toFailure } from '../../../machines/failure.ts';
import { api } from '../../messages/api.ts';
import { Dialog, DialogButtons } from '../components/dialog.tsx';
import { Field, SelectField, TextField } from '../components/field.tsx';
import { Notice } from '../components/notice.tsx';
import { tell } from '../components/toasts.tsx';
import { formatBytes } from '../format.ts';
import { isAdministrator } from '../session.ts';
import { type Problems, problemsOf, problemsOfFailure } from './problems.ts';
import { type UploadProgress, uploadImage } from './upload-image.ts';

const steps = { reading: 'Computing the digest', uploading: 'Uploading', finishing: 'Checking' } as const;
/** Any one will do where only its form is checked. */
const someDigest = '0'.repeat(64);
const qcow2Magic = 'QFI\u00fb';

export function NewImage({ onMade, onClose }: { onMade(): unknown; onClose(): void }) {
  const name = useSignal('');
  const format = useSignal('qcow2');
  const minDiskGb = useSignal('0');
  const minMemoryMb = useSignal('0');
  const isPublic = useSignal(false);
  const file = useSignal<File | undefined>(undefined);
  const problems = useSignal<Problems>({});
  const progress = useSignal<UploadProgress | undefined>(undefined);
  const abort = useRef(new AbortController());
  useEffect(() => () => abort.current.abort(), []);

  async function choose(chosen: File | undefined): Promise<void> {
    file.value = chosen;
    if (!chosen) return;
    name.value ||= chosen.name.replace(/\.[^.]*$/, '');
    const start = new Uint8Array(await chosen.slice(0, 4).arrayBuffer());
    format.value = String.fromCharCode(...start) === qcow2Magic ? 'qcow2' : 'raw';
  }

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const chosen = file.value;
    const request = {
      name: name.value,
      diskFormat: format.value as 'qcow2' | 'raw',
      minDiskGb: Number(minDiskGb.value),
      minMemoryMb: Number(minMemoryMb.value),
      ...(isPublic.value && { isPublic: true }),
    };
    problems.value = {
      ...problemsOf(api.image.create, { ...request, disk: { sha256: someDigest, size: chosen?.size ?? 0 } }),
      ...(!chosen && { disk: 'Choose a file.' }),
    };
    if (!chosen || Object.keys(problems.value).length > 0) return;
    try {
      const image = await uploadImage(request, chosen, abort.current.signal, (now) => {
        progress.value = now;
      });
      tell(`Image ${image.name} is ready to be launched`);
      onMade();
      onClose();
    } catch (error) {
      if (!abort.current.signal.aborted) problems.value = problemsOfFailure(toFailure(error));
    } finally {
      progress.value = undefined;
    }
  }

  const now = progress.value;
  return (
    <Dialog title="Upload image" onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <Field label="File" hint={file.value && formatBytes(file.value.size)} problem={problems.value.disk}>
          {(control) => (
            <input type="file" {...control} onChange={({ currentTarget }) => void choose(currentTarget.files?.[0])} />
          )}
        </Field>
        <TextField label="Name" text={name} problem={problems.value.name} />
        <SelectField
          label="Format"
          text={format}
          problem={problems.value.diskFormat}
          options={[
            { value: 'qcow2', label: 'qcow2' },
            { value: 'raw', label: 'raw' },
          ]}
        />
        <div class="columns">
          <TextField
            label="Least root disk, GiB"
            type="number"
            min="0"
            text={minDiskGb}
            problem={problems.value.minDiskGb}
          />
          <TextField
            label="Least memory, MiB"
            type="number"
            min="0"
            text={minMemoryMb}
            problem={problems.value.minMemoryMb}
          />
        </div>
        {isAdministrator.value && (
          <label class="check">
            <input
              type="checkbox"
              checked={isPublic.value}
              onChange={({ currentTarget }) => {
                isPublic.value = currentTarget.checked;
              }}
            />
            For every project
          </label>
        )}
        {problems.value[''] && <Notice kind="error">{problems.value['']}</Notice>}
        {now && (
          <label class="progress">
            {steps[now.step]}
            <progress max={1} value={now.done} />
          </label>
        )}
        <DialogButtons verb="Upload" isBusy={now !== undefined} onClose={onClose} />
      </form>
    </Dialog>
  );
}
