/** A choice of any number out of a few. */
import type { Signal } from '@preact/signals';
import { useId } from 'preact/hooks';

interface ChecksFieldProps {
  label: string;
  hint?: string | undefined;
  problem?: string | undefined;
  chosen: Signal<readonly string[]>;
  options: readonly { value: string; label: string }[];
}

export function ChecksField({ label, hint, problem, chosen, options }: ChecksFieldProps) {
  const id = useId();
  const [hintId, problemId] = [`${id}-hint`, `${id}-problem`];
  const described = [hint ? hintId : '', problem ? problemId : ''].filter(Boolean).join(' ');
  return (
    <fieldset class="field checks" {...(described && { 'aria-describedby': described })}>
      <legend>{label}</legend>
      {options.length === 0 && <p class="hint">There are none.</p>}
      {options.map(({ value, label: shown }) => (
        <label key={value} class="check">
          <input
            type="checkbox"
            checked={chosen.value.includes(value)}
            onChange={({ currentTarget }) => {
              const others = chosen.value.filter((each) => each !== value);
              chosen.value = currentTarget.checked ? [...others, value] : others;
            }}
          />
          {shown}
        </label>
      ))}
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
    </fieldset>
  );
}
