/**
 * The private keys of the pairs that were made. Each is shown once, over whatever page its owner has gone to meanwhile, and
 * whoever did not keep it is asked before it is gone.
 */
import { signal, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { Dialog } from '../components/dialog.tsx';
import { Icon } from '../components/icon.tsx';
import { Notice } from '../components/notice.tsx';
import { shownTo } from '../session.ts';
import { useStay } from '../use-stay.ts';
import { FormDialog } from './form-dialog.tsx';

interface MadeKey {
  name: string;
  privateKey: string;
  /** The `viewer` who had it made: nobody else is shown it. */
  owner: string | undefined;
}

/** Those that nobody has closed yet. */
const made = signal<readonly MadeKey[]>([]);

/** Also to an owner who has left the form, or has to sign in first. */
export function showPrivateKey(key: MadeKey): void {
  made.value = [...made.value, key];
}

export function PrivateKeys() {
  const key = made.value.find(({ owner }) => owner === shownTo.value);
  if (!key) return null;
  const close = () => {
    made.value = made.value.filter((each) => each !== key);
  };
  return <PrivateKey key={key.privateKey} {...key} onClose={close} />;
}

function PrivateKey({ name, privateKey, onClose }: MadeKey & { onClose(): void }) {
  const text = useRef<HTMLPreElement>(null);
  const isKept = useSignal(false);
  const isLeaving = useSignal(false);
  /** What came of copying it. What is said elsewhere in the page nobody hears while a dialog is open. */
  const copied = useSignal('');

  useStay(!isKept.value);

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
      copied.value = 'It is copied.';
    } catch {
      // Over plain HTTP there is no clipboard.
      if (text.current) getSelection()?.selectAllChildren(text.current);
      copied.value = 'The browser does not let this page copy: the key is selected, to be copied by keyboard.';
    }
  }

  if (isLeaving.value) {
    return (
      <FormDialog
        title="Close without the private key?"
        verb="Close without it"
        isDestructive
        send={async () => onClose()}
        onClose={() => {
          isLeaving.value = false;
        }}
      >
        <p>It was neither copied nor downloaded, and cannot be shown again.</p>
      </FormDialog>
    );
  }

  return (
    <Dialog title={`Private key of ${name}`} onClose={leave}>
      <Notice kind="warning">It is shown this once, and stored nowhere. Keep it now.</Notice>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keys. */}
      <pre class="private-key" tabIndex={0} ref={text} onCopy={keep}>
        {privateKey}
      </pre>
      <p class="hint" role="status">
        {copied.value}
      </p>
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
