/** What an operator should look at: alarms heard since the page was opened, and messages that could not be applied. */
import type { DeadLetterSummary } from '../../messages/api/dead-letter.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { askAll } from '../ask-all.ts';
import { Age } from '../components/age.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { Opener } from '../components/opener.tsx';
import { Table } from '../components/table.tsx';
import { formatTime } from '../format.ts';
import { FormDialog } from '../forms/form-dialog.tsx';
import { alarms } from '../live/hosts.ts';
import { useAsked } from '../use-asked.ts';

const listDeadLetters = () =>
  askAll(
    api.deadLetter.list,
    ({ deadLetters }) => deadLetters,
    ({ id }) => id,
  );

type Verb = 'Replay' | 'Delete';
const comesOf: Record<Verb, string> = {
  Replay: 'It is sent again, and forgotten here. What it is about is looked at as it is then.',
  Delete: 'It is forgotten, and never applied.',
};

export function Alarms() {
  const { data, failure, reload } = useAsked(listDeadLetters, [alarms.value], 15_000);

  async function send(verb: Verb, { id }: DeadLetterSummary): Promise<void> {
    await ask(verb === 'Replay' ? api.deadLetter.replay : api.deadLetter.delete, { id });
    await reload();
  }

  return (
    <>
      {alarms.value.length > 0 && (
        <section aria-labelledby="alarms">
          <h2 id="alarms">Alarms</h2>
          <ul class="alarms">
            {alarms.value.map(({ at, message }, index) => (
              <li key={`${at}-${index}`}>
                <time dateTime={new Date(at).toISOString()}>{formatTime(at)}</time> {message}
              </li>
            ))}
          </ul>
        </section>
      )}
      <section aria-labelledby="dead-letters">
        <h2 id="dead-letters">
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
                    <Opener
                      key={verb}
                      class={verb === 'Delete' ? 'quiet-destructive' : 'quiet-button'}
                      aria-label={`${verb} ${letter.cast}, ${letter.id}`}
                      opens={(close) => (
                        <FormDialog
                          title={`${verb} ${letter.cast}?`}
                          verb={verb}
                          isDestructive={verb === 'Delete'}
                          send={() => send(verb, letter)}
                          onClose={close}
                        >
                          <p>{comesOf[verb]}</p>
                        </FormDialog>
                      )}
                    >
                      {verb}
                    </Opener>
                  ))}
                </div>
              ),
            },
          ]}
        />
      </section>
    </>
  );
}
