/** The console page: what a guest shows, and what is typed to it. */
import './console.css';
import { useSignal } from '@preact/signals';
import type { ConsoleKind } from '../../messages/console.ts';
import { Page } from '../components/page.tsx';
import { useInstance } from '../live/use-instance.ts';
import { ConsoleView } from './console-view.tsx';

const kinds: readonly { kind: ConsoleKind; label: string }[] = [
  { kind: 'serial', label: 'Serial console' },
  { kind: 'vnc', label: 'Screen' },
];

export function ConsolePage({ uuid }: { uuid: string }) {
  const name = useInstance(uuid).instance?.name ?? uuid;
  const chosen = useSignal<ConsoleKind>('serial');
  return (
    <Page
      title={`Console of ${name}`}
      back={{ to: `/instances/${uuid}`, label: name }}
      isFilling
      actions={
        <fieldset class="chips" aria-label="Which console">
          {kinds.map(({ kind, label }) => (
            <button
              key={kind}
              type="button"
              class="chip"
              aria-pressed={chosen.value === kind}
              onClick={() => {
                chosen.value = kind;
              }}
            >
              {label}
            </button>
          ))}
        </fieldset>
      }
    >
      <ConsoleView key={chosen.value} uuid={uuid} kind={chosen.value} />
    </Page>
  );
}
