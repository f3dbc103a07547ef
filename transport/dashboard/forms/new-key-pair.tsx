/** Makes a key pair, or imports a public key. */
import { useSignal } from '@preact/signals';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { TextArea, TextField } from '../components/field.tsx';
import { tell } from '../components/toasts.tsx';
import { viewer } from '../session.ts';
import { FormDialog } from './form-dialog.tsx';
import { showPrivateKey } from './private-key.tsx';
import { problemsOf } from './problems.ts';

interface NewKeyPairProps {
  onMade(): unknown;
  onClose(): void;
}

export function NewKeyPair({ onMade, onClose }: NewKeyPairProps) {
  const name = useSignal('');
  const publicKey = useSignal('');
  const isImported = useSignal(false);

  const request = () => ({ name: name.value, ...(isImported.value && { publicKey: publicKey.value.trim() }) });

  return (
    <FormDialog
      title="Add key pair"
      verb={isImported.value ? 'Import' : 'Make'}
      fields={isImported.value ? ['name', 'publicKey'] : ['name']}
      check={() => problemsOf(api.keyPair.create, request())}
      send={async () => {
        const owner = viewer.peek();
        const reply = await ask(api.keyPair.create, request());
        onMade();
        return { ...reply, owner };
      }}
      afterwards={({ keyPair: { name }, privateKey, owner }) => {
        if (privateKey === undefined) tell(`Key pair ${name} is imported`);
        else showPrivateKey({ name, privateKey, owner });
      }}
      onClose={onClose}
    >
      {(problems) => (
        <>
          <fieldset class="choice">
            <legend class="hidden">Where it comes from</legend>
            {[false, true].map((value) => (
              <label key={String(value)}>
                <input
                  type="radio"
                  name="source"
                  checked={isImported.value === value}
                  onInput={() => {
                    isImported.value = value;
                  }}
                />
                {value ? 'Import a public key' : 'Make a new pair'}
              </label>
            ))}
          </fieldset>
          <TextField label="Name" text={name} problem={problems.name} />
          {isImported.value && (
            <TextArea
              label="Public key"
              hint="A line as in ~/.ssh/id_ed25519.pub"
              problem={problems.publicKey}
              rows={4}
              text={publicKey}
            />
          )}
        </>
      )}
    </FormDialog>
  );
}
