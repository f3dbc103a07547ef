/** Makes a key pair, or imports a public key. What was made is shown once: whoever did not keep it is asked before it is gone. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { toFailure } from '../../../machines/failure.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { Confirm, Dialog, DialogButtons } from '../components/dialog.tsx';
import { TextArea, TextField } from '../components/field.tsx';
import { Icon } from '../components/icon.tsx';
import { Notice } from '../components/notice.tsx';
import { tell } from '../components/toasts.tsx';
import { type Problems, problemsOf, problemsOfFailure } from './problems.ts';

interface NewKeyPairProps {
  onMade(): unknown;
  onClose(): void;
}

export function NewKeyPair({ onMade, onClose }: NewKeyPairProps) {
  const name = useSignal('');
  const publicKey = useSignal('');
  const isImported = useSignal(false);
  const problems = useSignal<Problems>({});
  const isBusy = useSignal(false);
  const made = useSignal<{ name: string; privateKey: string } | undefined>(undefined);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const imported = publicKey.value.trim();
    const body = { name: name.value, ...(isImported.value && { publicKey: imported }) };
    problems.value = problemsOf(api.keyPair.create, body);
    if (Object.keys(problems.value).length > 0) return;
    isBusy.value = true;
    try {
      const { keyPair, privateKey } = await ask(api.keyPair.create, body);
      onMade();
      if (privateKey !== undefined) made.value = { name: keyPair.name, privateKey };
      else {
        tell(`Key pair ${keyPair.name} is imported`);
        onClose();
      }
    } catch (error) {
      problems.value = problemsOfFailure(toFailure(error));
    } finally {
      isBusy.value = false;
    }
  }

  if (made.value) return <PrivateKey {...made.value} onClose={onClose} />;

  return (
    <Dialog title="Add key pair" onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <fieldset class="choice">
          <legend class="hidden">Where it comes from</legend>
          {[false, true].map((value) => (
            <label key={String(value)}>
              <input
                type="radio"
                name="source"
                checked={isImported.value === value}
                onChange={() => {
                  isImported.value = value;
                }}
              />
              {value ? 'Import a public key' : 'Make a new pair'}
            </label>
          ))}
        </fieldset>
        <TextField label="Name" text={name} problem={problems.value.name} />
        {isImported.value && (
          <TextArea
            label="Public key"
            hint="A line as in ~/.ssh/id_ed25519.pub"
            problem={problems.value.publicKey}
            rows={4}
            text={publicKey}
          />
        )}
        {problems.value[''] && <Notice kind="error">{problems.value['']}</Notice>}
        <DialogButtons verb={isImported.value ? 'Import' : 'Make'} isBusy={isBusy.value} onClose={onClose} />
      </form>
    </Dialog>
  );
}

function PrivateKey({ name, privateKey, onClose }: { name: string; privateKey: string; onClose(): void }) {
  const text = useRef<HTMLPreElement>(null);
  const isKept = useSignal(false);
  const isLeaving = useSignal(false);

  function keep(): void {
    isKept.value = true;
  }

  function leave(): void {
    if (isKept.value) onClose();
    else isLeaving.value = true;
  }

  function download(): void {
    const url = URL.createObjectURL(new Blob([privateKey], { type: 'application/octet-stream' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = `${name.replaceAll(/[^\w.-]+/g, '-')}.pem`;
    link.click();
    URL.revokeObjectURL(url);
    keep();
  }

  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(privateKey);
      keep();
      tell('The private key is copied');
    } catch {
      // Over plain HTTP there is no clipboard.
      if (text.current) getSelection()?.selectAllChildren(text.current);
      tell('The browser does not let this page copy: the key is selected, to be copied by keyboard', { isError: true });
    }
  }

  if (isLeaving.value) {
    return (
      <Confirm
        title="Close without the private key?"
        verb="Close without it"
        isDestructive
        onConfirm={async () => onClose()}
        onClose={() => {
          isLeaving.value = false;
        }}
      >
        <p>It was neither copied nor downloaded, and cannot be shown again.</p>
      </Confirm>
    );
  }

  return (
    <Dialog title={`Private key of ${name}`} onClose={leave}>
      <Notice kind="warning">It is shown this once, and stored nowhere. Keep it now.</Notice>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keys. */}
      <pre class="private-key" tabIndex={0} ref={text} onCopy={keep}>
        {privateKey}
      </pre>
      <div class="buttons">
        <button type="button" onClick={copy}>
          <Icon name="copy" />
          Copy
        </button>
        <button type="button" class="primary" onClick={download}>
          <Icon name="download" />
          Download
        </button>
        <button type="button" onClick={leave}>
          Done
        </button>
      </div>
    </Dialog>
  );
}
