/** A choice of any number out of a few. */
import type { Signal } from '@preact/signals';
import { useNotes } from './field.tsx';

interface ChecksFieldProps {
  label: string;
  hint?: string | undefined;
  problem?: string | undefined;
  chosen: Signal<readonly string[]>;
  options: readonly { value: string; label: string }[];
}

export function ChecksField({ label, hint, problem, chosen, options }: ChecksFieldProps) {
  const { tie, notes } = useNotes({ hint, problem });
  return (
    <fieldset class="field checks" {...tie}>
      <legend>{label}</legend>
      {options.length === 0 && <p class="hint">There are none.</p>}
      {options.map(({ value, label: shown }) => (
        <label key={value} class="check">
          <input
            type="checkbox"
            checked={chosen.value.includes(value)}
            onInput={({ currentTarget }) => {
              const others = chosen.value.filter((each) => each !== value);
              chosen.value = currentTarget.checked ? [...others, value] : others;
            }}
          />
          {shown}
        </label>
      ))}
      {notes}
    </fieldset>
  );
}
