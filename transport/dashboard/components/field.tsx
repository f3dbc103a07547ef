/** One field of a form: what it is called, what it is for, and what is wrong with it, said to eyes and ears alike. */
import type { Signal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';

interface Notes {
  hint?: ComponentChildren;
  /** What is wrong with it. */
  problem?: string | undefined;
}

/** What stands beneath a control, and the attributes that tie the control to it. */
export function useNotes({ hint, problem }: Notes) {
  const id = useId();
  const [hintId, problemId] = [`${id}-hint`, `${id}-problem`];
  const described = [hint ? hintId : '', problem ? problemId : ''].filter(Boolean).join(' ');
  return {
    tie: described ? { 'aria-describedby': described } : {},
    notes: (
      <>
        {hint && (
          <p class="hint" id={hintId}>
            {hint}
          </p>
        )}
        {problem && (
          <p class="problem" id={problemId}>
            {problem}
          </p>
        )}
      </>
    ),
  };
}

interface FieldProps extends Notes {
  label: string;
  isOptional?: boolean | undefined;
  /** The control; what it is given ties it to label, hint and problem. */
  children(control: ControlProps): ComponentChildren;
}

export interface ControlProps {
  id: string;
  'aria-describedby'?: string;
  'aria-invalid'?: boolean;
}

export function Field({ label, hint, problem, isOptional = false, children }: FieldProps) {
  const id = useId();
  const { tie, notes } = useNotes({ hint, problem });
  return (
    <div class="field">
      <label for={id}>
        {label} {isOptional && <span class="optional">optional</span>}
      </label>
      {children({ id, ...tie, ...(problem && { 'aria-invalid': true }) })}
      {notes}
    </div>
  );
}

type TextProps = Omit<FieldProps, 'children'> & {
  text: Signal<string>;
} & Omit<JSX.IntrinsicElements['input'], 'value' | 'label' | 'children'>;

/** A field of one line. */
export function TextField({ label, hint, problem, isOptional = false, text, ...rest }: TextProps) {
  return (
    <Field label={label} hint={hint} problem={problem} isOptional={isOptional}>
      {(control) => (
        <input
          type="text"
          autocomplete="off"
          {...rest}
          {...control}
          value={text.value}
          onInput={({ currentTarget }) => {
            text.value = currentTarget.value;
          }}
        />
      )}
    </Field>
  );
}

/** A field of several lines. */
export function TextArea({ label, hint, problem, isOptional = false, text, rows }: FieldOf<string> & { rows: number }) {
  return (
    <Field label={label} hint={hint} problem={problem} isOptional={isOptional}>
      {(control) => (
        <textarea
          {...control}
          rows={rows}
          class="code"
          spellcheck={false}
          value={text.value}
          onInput={({ currentTarget }) => {
            text.value = currentTarget.value;
          }}
        />
      )}
    </Field>
  );
}

type FieldOf<T> = Omit<FieldProps, 'children'> & { text: Signal<T> };

/** A choice of one; with `none` also of nothing, which is the empty text. */
export function SelectField({
  label,
  hint,
  problem,
  isOptional = false,
  text,
  none,
  options,
}: FieldOf<string> & { none?: string; options: readonly { value: string; label: string; isDisabled?: boolean }[] }) {
  return (
    <Field label={label} hint={hint} problem={problem} isOptional={isOptional}>
      {(control) => (
        <select
          {...control}
          value={text.value}
          onInput={({ currentTarget }) => {
            text.value = currentTarget.value;
          }}
        >
          {none !== undefined && <option value="">{none}</option>}
          {options.map(({ value, label: shown, isDisabled }) => (
            <option key={value} value={value} disabled={isDisabled}>
              {shown}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
