/** The user's key pairs: made here, imported, deleted. A private key is shown once, and nobody keeps it. */
import type { KeyPairView } from '../../messages/api/key-pair.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { askAll } from '../ask-all.ts';
import { Age } from '../components/age.tsx';
import { Icon } from '../components/icon.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { Opener } from '../components/opener.tsx';
import { Page } from '../components/page.tsx';
import { Table } from '../components/table.tsx';
import { tell } from '../components/toasts.tsx';
import { FormDialog } from '../forms/form-dialog.tsx';
import { NewKeyPair } from '../forms/new-key-pair.tsx';
import { isMember } from '../session.ts';
import { useAsked } from '../use-asked.ts';

const listKeyPairs = () =>
  askAll(
    api.keyPair.list,
    ({ keyPairs }) => keyPairs,
    ({ name }) => name,
  );

export function KeyPairsPage() {
  const { data, failure, reload } = useAsked(listKeyPairs, []);

  async function remove({ name }: KeyPairView): Promise<void> {
    await ask(api.keyPair.delete, { name });
    await reload();
  }

  const add = (
    <Opener class="primary" opens={(close) => <NewKeyPair onMade={reload} onClose={close} />}>
      <Icon name="add" />
      Add key pair
    </Opener>
  );

  return (
    <Page title="Key pairs" actions={isMember.value && add}>
      <FailureNotice failure={failure.value} />
      <Table
        caption="Your key pairs in this project"
        entries={data.value}
        keyOf={({ name }) => name}
        empty={<p>You have no key pairs in this project. Guests are given the public key of one to let you log in.</p>}
        columns={[
          { name: 'Name', cell: ({ name }) => <strong>{name}</strong> },
          { name: 'Fingerprint', cell: ({ fingerprint }) => <span class="code">{fingerprint}</span> },
          { name: 'Type', cell: ({ publicKey }) => publicKey.split(' ')[0] },
          { name: 'Added', cell: ({ createdAt }) => <Age since={createdAt} suffix=" ago" /> },
          {
            name: 'Actions',
            cell: (keyPair) =>
              isMember.value && (
                <Opener
                  class="quiet-destructive"
                  aria-label={`Delete ${keyPair.name}`}
                  opens={(close) => (
                    <FormDialog
                      title={`Delete key pair ${keyPair.name}?`}
                      verb="Delete"
                      isDestructive
                      send={() => remove(keyPair)}
                      afterwards={() => tell(`Key pair ${keyPair.name} is deleted`)}
                      onClose={close}
                    >
                      <p>Instances that were launched with it keep its public key.</p>
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
