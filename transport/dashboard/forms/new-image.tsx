/** Uploads an image: a disk in the form that its file has. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { ImageView } from '../../messages/api/image.ts';
import { api } from '../../messages/api.ts';
import { Field, SelectField, TextField } from '../components/field.tsx';
import { tell } from '../components/toasts.tsx';
import { formatBytes } from '../format.ts';
import { isAdministrator, viewer } from '../session.ts';
import { useStay } from '../use-stay.ts';
import { FormDialog } from './form-dialog.tsx';
import { type Problems, problemsOf } from './problems.ts';
import { type UploadProgress, uploadImage } from './upload-image.ts';

const steps = { reading: 'Computing the digest', uploading: 'Uploading', finishing: 'Checking' } as const;
/** Any one will do where only its form is checked. */
const someDigest = '0'.repeat(64);
const fields = ['disk', 'name', 'diskFormat', 'minDiskGb', 'minMemoryMb'];
const qcow2Magic = 'QFI\u00fb';
/** Such as one that is gone by now. */
const unreadable = 'It cannot be read.';

export function NewImage({ onMade, onClose }: { onMade(): unknown; onClose(): void }) {
  const name = useSignal('');
  const format = useSignal('qcow2');
  const minDiskGb = useSignal('0');
  const minMemoryMb = useSignal('0');
  const isPublic = useSignal(false);
  const file = useSignal<File | undefined>(undefined);
  const isUnreadable = useSignal(false);
  const progress = useSignal<UploadProgress | undefined>(undefined);
  const abort = useRef(new AbortController());
  useEffect(() => () => abort.current.abort(), []);
  useStay(progress.value !== undefined);

  async function choose(chosen: File | undefined): Promise<void> {
    file.value = chosen;
    isUnreadable.value = false;
    if (!chosen) return;
    name.value ||= chosen.name.replace(/\.[^.]*$/, '');
    const found = await formatOf(chosen);
    // Another one may be chosen by now.
    if (file.value !== chosen) return;
    isUnreadable.value = found === undefined;
    if (found) format.value = found;
  }

  function request() {
    return {
      name: name.value,
      diskFormat: format.value as 'qcow2' | 'raw',
      minDiskGb: Number(minDiskGb.value),
      minMemoryMb: Number(minMemoryMb.value),
      ...(isPublic.value && { isPublic: true }),
    };
  }

  function check(): Problems {
    const disk = { sha256: someDigest, size: file.value?.size ?? 0 };
    return {
      ...problemsOf(api.image.create, { ...request(), disk }),
      ...(!file.value && { disk: 'Choose a file.' }),
      ...(isUnreadable.value && { disk: unreadable }),
    };
  }

  async function send(): Promise<ImageView | undefined> {
    const { signal } = abort.current;
    const who = viewer.peek();
    if (!file.value) return undefined;
    try {
      const image = await uploadImage(request(), file.value, signal, (now) => {
        progress.value = now;
      });
      onMade();
      return image;
    } catch (error) {
      const hasEnded = viewer.peek() !== who;
      if (hasEnded)
        tell(`The upload of ${name.value} ended with the session: it has to be begun anew`, { isError: true });
      // Whoever has left it knows.
      else if (!signal.aborted) throw error;
      return undefined;
    } finally {
      progress.value = undefined;
    }
  }

  const now = progress.value;
  return (
    <FormDialog
      title="Upload image"
      verb="Upload"
      fields={fields}
      check={check}
      send={send}
      afterwards={(image) => image && tell(`Image ${image.name} is ready to be launched`)}
      onClose={onClose}
    >
      {(problems) => (
        <>
          <Field
            label="File"
            hint={file.value && formatBytes(file.value.size)}
            problem={isUnreadable.value ? unreadable : problems.disk}
          >
            {(control) => (
              <input type="file" {...control} onInput={({ currentTarget }) => void choose(currentTarget.files?.[0])} />
            )}
          </Field>
          <TextField label="Name" text={name} problem={problems.name} />
          <SelectField
            label="Format"
            text={format}
            problem={problems.diskFormat}
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
              problem={problems.minDiskGb}
            />
            <TextField
              label="Least memory, MiB"
              type="number"
              min="0"
              text={minMemoryMb}
              problem={problems.minMemoryMb}
            />
          </div>
          {isAdministrator.value && (
            <label class="check">
              <input
                type="checkbox"
                checked={isPublic.value}
                onInput={({ currentTarget }) => {
                  isPublic.value = currentTarget.checked;
                }}
              />
              For every project
            </label>
          )}
          {now && (
            <label class="progress">
              {steps[now.step]}
              <progress max={1} value={now.done} />
            </label>
          )}
        </>
      )}
    </FormDialog>
  );
}

/** By how it begins; absent: it cannot be read. */
async function formatOf(file: File): Promise<'qcow2' | 'raw' | undefined> {
  try {
    const start = new Uint8Array(await file.slice(0, 4).arrayBuffer());
    return String.fromCharCode(...start) === qcow2Magic ? 'qcow2' : 'raw';
  } catch {
    return undefined;
  }
}
