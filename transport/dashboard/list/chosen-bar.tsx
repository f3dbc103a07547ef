/** What can be done to all that are chosen: each command to those of them that may be told so now. */
import { useSignal } from '@preact/signals';
import { plural } from '../format.ts';
import { instanceCommands, isOffered } from '../forms/instance-commands.ts';
import { type Asked, doAtOnce, InstanceQuestion, isAskedFirst } from '../forms/instance-question.tsx';
import { chosen, chosenInstances } from './view-of-list.ts';

export function ChosenBar() {
  const asked = useSignal<Asked | undefined>(undefined);
  const all = chosenInstances.value;
  if (all.length === 0) return null;

  function begin(question: Asked): void {
    if (isAskedFirst(question)) asked.value = question;
    else void doAtOnce(question);
  }

  return (
    <section class="chosen-bar" aria-label="What is chosen">
      <strong>{plural(all.length, 'instance')} chosen</strong>
      <button
        type="button"
        class="bare"
        onClick={() => {
          chosen.value = new Set();
        }}
      >
        Choose none
      </button>
      <div class="actions">
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
      </div>
      {asked.value && (
        <InstanceQuestion
          {...asked.value}
          onClose={() => {
            asked.value = undefined;
          }}
        />
      )}
    </section>
  );
}
