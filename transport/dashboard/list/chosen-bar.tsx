/** What can be done to all that are chosen: each command to those of them that may be told so now. */
import { useRef } from 'preact/hooks';
import { formatCount, plural } from '../format.ts';
import { instanceCommands, isOffered } from '../forms/instance-commands.ts';
import { useInstanceQuestion } from '../forms/instance-question.tsx';
import { useFocusWithin } from '../use-focus-within.ts';
import { chosen, chosenInstances, chosenUnseen } from './view-of-list.ts';

/** `onNone`: it is gone, and what had the focus with it. */
export function ChosenBar({ onNone }: { onNone(): void }) {
  const { begin, question } = useInstanceQuestion();
  const actions = useRef<HTMLFieldSetElement>(null);
  useFocusWithin(actions);
  const all = chosenInstances.value;
  if (all.length === 0) return null;

  return (
    <section class="chosen-bar" aria-label="What is chosen">
      <span role="status">
        <strong>{plural(all.length, 'instance')} chosen</strong>
        {chosenUnseen.value > 0 && `, ${formatCount(chosenUnseen.value)} of them not in this list`}
      </span>
      <button
        type="button"
        class="bare"
        onClick={() => {
          chosen.value = new Set();
          onNone();
        }}
      >
        Choose none
      </button>
      <fieldset ref={actions} tabIndex={-1} class="actions" aria-label="What those that are chosen may be told">
        {instanceCommands.map((command) => {
          const instances = all.filter((instance) => isOffered(command, instance));
          if (instances.length === 0) return null;
          return (
            <button
              key={command.verb}
              type="button"
              class={command.warning ? 'destructive-outline' : ''}
              onClick={() => begin({ command, instances })}
            >
              {command.verb}
              {instances.length < all.length && <span class="count">{instances.length}</span>}
            </button>
          );
        })}
      </fieldset>
      {question}
    </section>
  );
}
