/** What an operator should look at: alarms heard since the page was opened, and messages that could not be applied. */
import { useSignal } from '@preact/signals';
import type { DeadLetterSummary } from '../../messages/api/dead-letter.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { askAll } from '../ask-all.ts';
import { Age } from '../components/age.tsx';
import { Confirm } from '../components/dialog.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { Table } from '../components/table.tsx';
import { formatTime } from '../format.ts';
import { alarms } from '../live/hosts.ts';
import { useAsked } from '../use-asked.ts';

const listDeadLetters = () =>
  askAll(
    api.deadLetter.list,
    ({ deadLetters }) => deadLetters,
    ({ id }) => id,
  );

export function Alarms() {
  const { data, failure, reload } = useAsked(listDeadLetters, [alarms.value], 15_000);
  const asked = useSignal<{ letter: DeadLetterSummary; verb: 'Replay' | 'Delete' } | undefined>(undefined);

  async function send(): Promise<void> {
    if (!asked.value) return;
    const { letter, verb } = asked.value;
    await ask(verb === 'Replay' ? api.deadLetter.replay : api.deadLetter.delete, { id: letter.id });
    await reload();
  }

  return (
    <>
      {alarms.value.length > 0 && (
        <section>
          <h2>Alarms</h2>
          <ul class="alarms">
            {alarms.value.map(({ at, message }, index) => (
              <li key={`${at}-${index}`}>
                <time dateTime={new Date(at).toISOString()}>{formatTime(at)}</time> {message}
              </li>
            ))}
          </ul>
        </section>
      )}
      <section>
        <h2>
          Dead letters <span class="count">{data.value?.length ?? '–'}</span>
        </h2>
        <FailureNotice failure={failure.value} />
        <Table
          caption="Messages between the parts that could not be applied"
          entries={data.value}
          keyOf={({ id }) => id}
          empty={<p>Every message between the parts was applied.</p>}
          columns={[
            { name: 'Message', cell: ({ cast, consumer }) => `${cast} to ${consumer}` },
            { name: 'Failure', cell: ({ failure: { code, message } }) => `${message} (${code})` },
            { name: 'Tried', cell: ({ deliveries }) => `${deliveries} ×`, isNumber: true },
            { name: 'Given up', cell: ({ failedAt }) => <Age since={failedAt} suffix=" ago" /> },
            {
              name: 'Actions',
              cell: (letter) => (
                <div class="actions">
                  {(['Replay', 'Delete'] as const).map((verb) => (
                    <button
                      key={verb}
                      type="button"
                      class={verb === 'Delete' ? 'quiet-destructive' : 'quiet-button'}
                      aria-label={`${verb} ${letter.cast}, ${letter.id}`}
                      onClick={() => {
                        asked.value = { letter, verb };
                      }}
                    >
                      {verb}
                    </button>
                  ))}
                </div>
              ),
            },
          ]}
        />
      </section>
      {asked.value && (
        <Confirm
          title={`${asked.value.verb} ${asked.value.letter.cast}?`}
          verb={asked.value.verb}
          isDestructive={asked.value.verb === 'Delete'}
          onConfirm={send}
          onClose={() => {
            asked.value = undefined;
          }}
        >
          <p>
            {asked.value.verb === 'Replay'
              ? 'It is sent again, and forgotten here. What it is about is looked at as it is then.'
              : 'It is forgotten, and never applied.'}
          </p>
        </Confirm>
      )}
    </>
  );
}
