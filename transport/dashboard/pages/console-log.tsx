/** The last of what the guest wrote to its serial console; followed, when that is wanted. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { InstanceView } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { FailureNotice } from '../components/notice.tsx';
import { useAsked } from '../use-asked.ts';

const followMs = 2_000;
const maxBytes = 32_768;
/** So near to its end it is at its end (pixels). */
const slack = 8;
/** What moves a terminal's cursor and colours its text, and control characters but tabs and ends of lines. */
const terminalControls = /\p{Cc}\[[0-?]*[ -/]*[@-~]|(?![\t\n])\p{Cc}/gu;

export function ConsoleLog({ instance: { uuid, host, hostStatus, vmState } }: { instance: InstanceView }) {
  const isFollowed = useSignal(false);
  const isThere = host !== undefined && hostStatus !== 'down';
  const { data, failure, reload } = useAsked(
    async () => (isThere ? (await ask(api.instance.consoleLog, { uuid, maxBytes })).output : ''),
    [uuid, host, isThere, vmState],
    isFollowed.value ? followMs : undefined,
  );
  const nothing =
    hostStatus === 'down'
      ? 'Its host is down: nobody can read it there.'
      : data.value === undefined
        ? 'Loading…'
        : 'The guest has written nothing.';
  const log = useRef<HTMLPreElement>(null);
  const text = data.value?.replaceAll(terminalControls, '');
  const isAtEnd = useRef(true);
  useEffect(() => {
    if (isAtEnd.current) log.current?.scrollTo(0, log.current.scrollHeight);
  }, [text]);

  return (
    <section class="panel console-log" aria-labelledby="console-log">
      <h2 id="console-log">
        Console log
        <span class="actions">
          <label class="check">
            <input
              type="checkbox"
              checked={isFollowed.value}
              onChange={({ currentTarget }) => {
                isFollowed.value = currentTarget.checked;
              }}
            />
            Follow
          </label>
          <button type="button" onClick={() => void reload()}>
            Refresh
          </button>
        </span>
      </h2>
      <FailureNotice failure={failure.value} />
      {text ? (
        <pre
          ref={log}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keys.
          tabIndex={0}
          onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
            // Whoever reads further up is left there.
            isAtEnd.current = scrollTop + clientHeight >= scrollHeight - slack;
          }}
        >
          {text}
        </pre>
      ) : (
        !failure.value && <p class="quiet">{nothing}</p>
      )}
    </section>
  );
}
