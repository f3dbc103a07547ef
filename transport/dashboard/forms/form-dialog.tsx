/** A question that is answered by a form: it stays until what is asked for is done, and says why when it cannot be. */
import type { ComponentChildren } from 'preact';
import { Dialog } from '../components/dialog.tsx';
import type { Problems } from './problems.ts';
import { RequestForm, type RequestFormProps } from './request-form.tsx';

interface FormDialogProps<Reply> extends Omit<RequestFormProps<Reply>, 'onDone' | 'onLeft'> {
  title: string;
  /** What it does, as the button says it: `Delete`. */
  verb: string;
  isDestructive?: boolean;
  /** What comes of it, or what is to be said for it. */
  children?: ComponentChildren | ((problems: Problems) => ComponentChildren);
  /** Once it is closed, also before it was done: what is told while it is open nobody hears. */
  afterwards?(reply: Reply): void;
  onClose(): void;
}

export function FormDialog<Reply>({
  title,
  verb,
  isDestructive = false,
  children,
  onClose,
  afterwards,
  ...form
}: FormDialogProps<Reply>) {
  function finish(reply: Reply): void {
    onClose();
    setTimeout(() => afterwards?.(reply));
  }

  return (
    <Dialog title={title} onClose={onClose}>
      <RequestForm {...form} onDone={finish} onLeft={(reply) => afterwards?.(reply)}>
        {({ problems, notices, isBusy }) => (
          <>
            {typeof children === 'function' ? children(problems) : children}
            {notices}
            <div class="buttons">
              <button type="button" onClick={onClose}>
                Cancel
              </button>
              {/* One that is disabled would lose the focus. */}
              <button type="submit" class={isDestructive ? 'destructive' : 'primary'} aria-disabled={isBusy}>
                {verb}
              </button>
            </div>
          </>
        )}
      </RequestForm>
    </Dialog>
  );
}
