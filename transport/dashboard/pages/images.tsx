/** The images that the project may launch: uploaded here, looked at, deleted. */
import type { ImageView } from '../../messages/api/image.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { listImages } from '../ask-all.ts';
import { Age } from '../components/age.tsx';
import { Dialog } from '../components/dialog.tsx';
import { Facts } from '../components/facts.tsx';
import { Icon } from '../components/icon.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { Opener } from '../components/opener.tsx';
import { Page } from '../components/page.tsx';
import { State } from '../components/state.tsx';
import { Table } from '../components/table.tsx';
import { tell } from '../components/toasts.tsx';
import { formatBytes, formatDisk, formatMemory, formatMoment } from '../format.ts';
import { FormDialog } from '../forms/form-dialog.tsx';
import { NewImage } from '../forms/new-image.tsx';
import { isAdministrator, isMember, shownSession } from '../session.ts';
import { useAsked } from '../use-asked.ts';

export function ImagesPage() {
  const { data, failure, reload } = useAsked(listImages, [], 10_000);

  async function remove({ id }: ImageView): Promise<void> {
    await ask(api.image.delete, { image: id });
    await reload();
  }

  const add = (
    <Opener class="primary" opens={(close) => <NewImage onMade={reload} onClose={close} />}>
      <Icon name="add" />
      Upload image
    </Opener>
  );

  return (
    <Page title="Images" actions={isMember.value && add}>
      <FailureNotice failure={failure.value} />
      <Table
        caption="Images that this project may launch"
        entries={data.value}
        keyOf={({ id }) => id}
        empty={<p>There are no images yet. Upload a disk to launch instances from it.</p>}
        columns={[
          {
            name: 'Name',
            cell: (image) => (
              <Opener class="link" opens={(close) => <Details image={image} onClose={close} />}>
                {image.name}
              </Opener>
            ),
          },
          { name: 'Status', cell: ({ status }) => <State tone={tones[status]}>{status}</State> },
          { name: 'Of', cell: ({ isPublic }) => (isPublic ? 'everybody' : 'the project') },
          { name: 'Format', cell: ({ diskFormat }) => (diskFormat === 'none' ? 'kernel only' : diskFormat) },
          { name: 'Size', cell: (image) => formatBytes(sizeOf(image)), isNumber: true },
          { name: 'Added', cell: ({ createdAt }) => <Age since={createdAt} suffix=" ago" /> },
          {
            name: 'Actions',
            cell: (image) =>
              mayDelete(image) && (
                <Opener
                  class="quiet-destructive"
                  aria-label={`Delete ${image.name}`}
                  opens={(close) => (
                    <FormDialog
                      title={`Delete image ${image.name}?`}
                      verb="Delete"
                      isDestructive
                      send={() => remove(image)}
                      afterwards={() => tell(`Image ${image.name} is deleted`)}
                      onClose={close}
                    >
                      <p>Nothing new can be launched from it. Instances that have it go on.</p>
                    </FormDialog>
                  )}
                >
                  Delete
                </Opener>
              ),
          },
        ]}
      />
    </Page>
  );
}

const tones = { queued: 'idle', saving: 'busy', active: 'good' } as const;

function Details({ image, onClose }: { image: ImageView; onClose(): void }) {
  return (
    <Dialog title={image.name} onClose={onClose}>
      <Facts
        facts={[
          ['Id', <span class="code">{image.id}</span>],
          ['Status', <State tone={tones[image.status]}>{image.status}</State>],
          ['Added', formatMoment(image.createdAt)],
          ['Least disk', image.minDiskGb > 0 && formatDisk(image.minDiskGb)],
          ['Least memory', image.minMemoryMb > 0 && formatMemory(image.minMemoryMb)],
          ...(['disk', 'kernel', 'ramdisk'] as const).map((role): [string, preact.ComponentChildren] => [
            role.charAt(0).toUpperCase() + role.slice(1),
            image[role] && (
              <>
                {formatBytes(image[role].size)}
                <br />
                <span class="code wrap">{image[role].sha256}</span>
              </>
            ),
          ]),
          ['Kernel arguments', image.kernelArguments && <span class="code wrap">{image.kernelArguments}</span>],
          ...Object.entries(image.properties).map(([name, value]): [string, string] => [name, value]),
        ]}
      />
      <form method="dialog" class="buttons">
        <button type="submit">Close</button>
      </form>
    </Dialog>
  );
}

function sizeOf({ disk, kernel, ramdisk }: ImageView): number {
  return [disk, kernel, ramdisk].reduce((sum, file) => sum + (file?.size ?? 0), 0);
}

function mayDelete({ projectId }: ImageView): boolean {
  return isAdministrator.value || (isMember.value && projectId === shownSession.value?.project.id);
}
