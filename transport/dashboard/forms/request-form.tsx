/**
 * A form that stands for a request. It is checked before it is sent, what the API refuses is said at its field, and whoever
 * is told that something is wrong is taken there.
 */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { toFailure } from '../../../machines/failure.ts';
import { Notice } from '../components/notice.tsx';
import { tell } from '../components/toasts.tsx';
import { type Problems, problemsOfFailure } from './problems.ts';

export interface RequestFormProps<Reply> {
  /** Where problems are shown; those of any other field are said beneath. */
  fields?: readonly string[];
  /** What can be seen to be wrong before it is sent; absent: nothing. */
  check?(): Problems;
  /** Rejects with why it cannot be done. */
  send(): Promise<Reply>;
  /** Not called when it was left meanwhile. */
  onDone(reply: Reply): void;
  /** Called instead when it was; absent: nothing more is to be done. */
  onLeft?(reply: Reply): void;
}

/** How it stands. */
export interface FormState {
  problems: Problems;
  /** What is wrong with none of the fields. */
  notices: ComponentChildren;
  isBusy: boolean;
}

export function RequestForm<Reply>({
  class: className,
  fields = [],
  check = () => ({}),
  send,
  onDone,
  onLeft,
  children,
}: RequestFormProps<Reply> & { class?: string; children(state: FormState): ComponentChildren }) {
  const element = useRef<HTMLFormElement>(null);
  const problems = useSignal<Problems>({});
  const isBusy = useSignal(false);
  const refusals = useSignal(0);

  useEffect(() => {
    if (refusals.value > 0 && element.current) goToProblem(element.current);
  }, [refusals.value]);

  function refuse(found: Problems): void {
    problems.value = found;
    refusals.value += 1;
  }

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (isBusy.value) return;
    const found = check();
    if (Object.keys(found).length > 0) return refuse(found);
    problems.value = {};
    isBusy.value = true;
    try {
      const reply = await send();
      if (element.current) onDone(reply);
      else onLeft?.(reply);
    } catch (error) {
      const failure = toFailure(error);
      if (!element.current) tell(failure.message, { isError: true });
      // Whoever finds it again has signed in by then.
      else if (failure.code !== 'unauthenticated') refuse(problemsOfFailure(failure));
    } finally {
      isBusy.value = false;
    }
  }

  /**
   * What the API has said was said of another request than the one that stands there now. It is drawn anew with that before
   * a `change` comes: the controls of a form listen to `input`, too.
   */
  function checkAgain(): void {
    if (refusals.value > 0) problems.value = check();
  }

  const elsewhere = Object.entries(problems.value).filter(([name]) => !fields.includes(name));
  const notices = elsewhere.map(([name, text]) => (
    <Notice key={name} kind="error">
      {text}
    </Notice>
  ));
  return (
    <form class={className} ref={element} onSubmit={submit} onInput={checkAgain} noValidate>
      {children({ problems: problems.value, notices, isBusy: isBusy.value })}
    </form>
  );
}

/** Also to one that was folded away. */
function goToProblem(form: HTMLFormElement): void {
  const field = form.querySelector('.field:has(.problem)');
  field?.closest('details')?.setAttribute('open', '');
  const controls = [...(field?.querySelectorAll<HTMLElement>('input, select, textarea') ?? [])];
  const control = controls.find((each) => each.hasAttribute('aria-invalid')) ?? controls[0];
  control?.focus();
}
