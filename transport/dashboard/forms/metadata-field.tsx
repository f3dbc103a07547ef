/** Names and texts that go with an instance: a line for each, and an empty one for the next. */
import type { Signal } from '@preact/signals';
import { useNotes } from '../components/field.tsx';
import type { MetadataLines } from './metadata-lines.ts';

export function MetadataField({ lines, problem }: { lines: Signal<MetadataLines>; problem?: string | undefined }) {
  const { tie, notes } = useNotes({ problem });
  const shown: MetadataLines = [...lines.value, ['', '']];

  function change(at: number, line: readonly [string, string]): void {
    lines.value = shown.with(at, line).filter(([name, value]) => name !== '' || value !== '');
  }

  return (
    <fieldset class="field metadata" {...tie}>
      <legend>
        Metadata <span class="optional">optional</span>
      </legend>
      {shown.map(([name, value], at) => (
        <div class="columns" key={at}>
          <input
            type="text"
            aria-label={`Name ${at + 1}`}
            placeholder="Name"
            value={name}
            onInput={({ currentTarget }) => change(at, [currentTarget.value, value])}
          />
          <input
            type="text"
            aria-label={`Value ${at + 1}`}
            placeholder="Value"
            value={value}
            onInput={({ currentTarget }) => change(at, [name, currentTarget.value])}
          />
        </div>
      ))}
      {notes}
    </fieldset>
  );
}
