/** The private key of a pair that was made. It is shown once: whoever did not keep it is asked before it is gone. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { Dialog } from '../components/dialog.tsx';
import { Icon } from '../components/icon.tsx';
import { Notice } from '../components/notice.tsx';
import { useStay } from '../use-stay.ts';
import { FormDialog } from './form-dialog.tsx';

interface PrivateKeyProps {
  name: string;
  privateKey: string;
  onClose(): void;
}

export function PrivateKey({ name, privateKey, onClose }: PrivateKeyProps) {
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
