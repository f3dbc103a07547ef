/** A question that has to be answered first: the browser's own dialog, which keeps the focus and closes by Escape. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { type Failure, toFailure } from '../../../machines/failure.ts';
import { FailureNotice } from './notice.tsx';

export function Dialog({ title, onClose, children }: { title: string; onClose(): void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={heading} onClose={onClose}>
      <h2 id={heading}>{title}</h2>
      {children}
    </dialog>
  );
}

interface Buttons {
  /** What it does, as the button says it: `Delete`. */
  verb: string;
  isDestructive?: boolean;
  /** It is being done. */
  isBusy: boolean;
  onClose(): void;
}

/** At the end of the form in a dialog. */
export function DialogButtons({ verb, isDestructive = false, isBusy, onClose }: Buttons) {
  return (
    <div class="buttons">
      <button type="button" onClick={onClose}>
        Cancel
      </button>
      <button type="submit" class={isDestructive ? 'destructive' : 'primary'} disabled={isBusy}>
        {verb}
      </button>
    </div>
  );
}

interface Question extends Omit<Buttons, 'isBusy'> {
  title: string;
  /** What comes of it. */
  children?: ComponentChildren;
  /** Rejects when it cannot be done: then the question stays, and says why. */
  onConfirm(): Promise<unknown>;
}

/** Asks before something is done, and stays until it is. */
export function Confirm({ title, verb, isDestructive = false, children, onConfirm, onClose }: Question) {
  const isBusy = useSignal(false);
  const failure = useSignal<Failure | undefined>(undefined);

  async function confirm(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    isBusy.value = true;
    failure.value = undefined;
    try {
      await onConfirm();
      onClose();
    } catch (error) {
      failure.value = toFailure(error);
    } finally {
      isBusy.value = false;
    }
  }

  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={confirm}>
        {children}
        <FailureNotice failure={failure.value} />
        <DialogButtons verb={verb} isBusy={isBusy.value} isDestructive={isDestructive} onClose={onClose} />
      </form>
    </Dialog>
  );
}
