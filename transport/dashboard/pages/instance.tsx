/** One instance: what it is, what went wrong, what happened to it, and what its guest said. */

import { useEffect, useRef } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { InstanceView } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { Fault } from '../components/fault.tsx';
import { InstanceActions } from '../components/instance-actions.tsx';
import { InstanceFacts } from '../components/instance-facts.tsx';
import { Loading } from '../components/loading.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { Opener } from '../components/opener.tsx';
import { Page } from '../components/page.tsx';
import { InstanceState } from '../components/state.tsx';
import { EditInstance } from '../forms/edit-instance.tsx';
import { instanceCommands, isOffered } from '../forms/instance-commands.ts';
import { useInstanceQuestion } from '../forms/instance-question.tsx';
import { useInstance } from '../live/use-instance.ts';
import { isMember } from '../session.ts';
import { useAsked } from '../use-asked.ts';
import { useFocusWithin } from '../use-focus-within.ts';
import { ConsoleLog } from './console-log.tsx';
import { LockButton } from './lock-button.tsx';

const back = { to: '/instances', label: 'Instances' };

export function InstancePage({ uuid }: { uuid: string }) {
  const { instance, failure } = useInstance(uuid);
  if (!instance) {
    return (
      <Page title="Instance" back={back}>
        {failure.value ? <FailureNotice failure={failure.value} /> : <Loading />}
      </Page>
    );
  }
  return (
    <Page
      title={instance.name}
      aside={<InstanceState {...instance} />}
      back={back}
      actions={
        <>
          <Link class="button" to={`/instances/${uuid}/chart`}>
            Chart
          </Link>
          <Link class="button" to={`/instances/${uuid}/console`}>
            Console
          </Link>
        </>
      }
    >
      <Commands instance={instance} />
      <Fault instance={instance} />
      <div class="details">
        <InstanceFacts instance={instance} />
        <Events instance={instance} />
        <ConsoleLog instance={instance} />
      </div>
    </Page>
  );
}

function Commands({ instance }: { instance: InstanceView }) {
  const { begin, question } = useInstanceQuestion();
  const offered = instanceCommands.filter((command) => isOffered(command, instance));
  const element = useRef<HTMLFieldSetElement>(null);
  useFocusWithin(element);

  return (
    <fieldset ref={element} tabIndex={-1} class="commands" aria-label={`What ${instance.name} may be told`}>
      {offered.map((command) => (
        <button
          key={command.verb}
          type="button"
          class={command.warning ? 'destructive-outline' : ''}
          onClick={() => begin({ command, instances: [instance] })}
        >
          {command.verb}
        </button>
      ))}
      <LockButton instance={instance} />
      {isMember.value && instance.vmState !== 'deleted' && (
        <Opener opens={(close) => <EditInstance instance={instance} onClose={close} />}>Edit</Opener>
      )}
      {question}
    </fieldset>
  );
}

function Events({ instance: { uuid, state, updatedAt } }: { instance: InstanceView }) {
  const { data, failure, reload } = useAsked(() => ask(api.instance.actions, { uuid }), [uuid]);
  // Each state that it comes to is an event.
  useEffect(() => void reload(), [state, updatedAt, reload]);
  return (
    <section class="panel" aria-labelledby="events">
      <h2 id="events">Events</h2>
      <FailureNotice failure={failure.value} />
      {data.value && <InstanceActions actions={data.value.actions} />}
    </section>
  );
}
