/** All instances: found, sorted, chosen, and told what to do. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Link } from 'wouter-preact';
import { Icon } from '../components/icon.tsx';
import { FailureNotice } from '../components/notice.tsx';
import { Page } from '../components/page.tsx';
import { formatCount } from '../format.ts';
import { ChosenBar } from '../list/chosen-bar.tsx';
import { columns, InstanceGrid } from '../list/instance-grid.tsx';
import type { SortKey } from '../list/listing.ts';
import * as list from '../list/view-of-list.ts';
import { instances, loading, scope } from '../live/instances.ts';
import { isAdministrator, isMember, session } from '../session.ts';
import { useIsNarrow } from '../use-is-narrow.ts';

export function InstancesPage() {
  const grid = useRef<HTMLDivElement>(null);
  const isFailed = typeof loading.value === 'object';
  const isEmpty = loading.value === 'done' && instances.value.length === 0;
  return (
    <Page
      title="Instances"
      isFilling
      aside={<span class="count">{formatCount(instances.value.length)}</span>}
      actions={
        isMember.value && (
          <Link class="button primary" to="/launch">
            <Icon name="add" />
            Launch
          </Link>
        )
      }
    >
      {isFailed && <FailureNotice failure={loading.value as Exclude<typeof loading.value, string>} />}
      <Toolbar />
      {isEmpty ? (
        <div class="empty">
          <p>
            There are no instances {scope.value === 'all' ? 'in any project' : `in ${session.value?.project.name}`}.
          </p>
        </div>
      ) : (
        <InstanceGrid scroller={grid} />
      )}
      <ChosenBar onNone={() => grid.current?.focus()} />
    </Page>
  );
}

function Toolbar() {
  const search = useRef<HTMLInputElement>(null);
  const isNarrow = useIsNarrow();
  const isRead = useSignal(false);
  if (!isRead.value) {
    list.readAddress(location.search);
    isRead.value = true;
  }

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLElement && event.target.matches('input, textarea, select');
      if (event.key !== '/' || isTyping) return;
      event.preventDefault();
      search.current?.focus();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);

  const address = list.addressOf();
  useEffect(() => {
    history.replaceState(history.state, '', `${location.pathname}${address}`);
  }, [address]);

  return (
    <div class="toolbar">
      <label class="search">
        <Icon name="search" />
        <span class="hidden">Find by name, id, address or host</span>
        <input
          ref={search}
          type="search"
          placeholder="Find by name, id, address or host"
          aria-keyshortcuts="/"
          value={list.text.value}
          onInput={({ currentTarget }) => {
            list.text.value = currentTarget.value;
          }}
        />
      </label>
      <States />
      <div class="options">
        {isNarrow && <Sorting />}
        <label class="check">
          <input
            type="checkbox"
            checked={list.isGrouped.value}
            onChange={({ currentTarget }) => {
              list.isGrouped.value = currentTarget.checked;
            }}
          />
          By state
        </label>
        {isAdministrator.value && (
          <label class="check">
            <input
              type="checkbox"
              checked={scope.value === 'all'}
              onChange={({ currentTarget }) => {
                scope.value = currentTarget.checked ? 'all' : 'project';
              }}
            />
            All projects
          </label>
        )}
      </div>
    </div>
  );
}

/** What the heads of the columns are for, where there is no room for them. */
function Sorting() {
  const key = list.sortBy.value;
  return (
    <>
      <select
        aria-label="Sort by"
        value={key}
        onChange={({ currentTarget }) => list.sort(currentTarget.value as SortKey)}
      >
        {columns.map(({ key, label }) => (
          <option key={key} value={key}>
            {label}
          </option>
        ))}
      </select>
      <button
        type="button"
        aria-pressed={list.isDescending.value}
        aria-label="Descending"
        onClick={() => list.sort(key)}
      >
        <Icon name={list.isDescending.value ? 'down' : 'up'} />
      </button>
    </>
  );
}

/** The states that there are, and how many are in each: a choice of one, or of all. */
function States() {
  const chosen = list.vmState.value;
  const states = list.states.value;
  // What it is filtered by is told also when there is none any more.
  const isNone = chosen !== undefined && !states.some(([state]) => state === chosen);
  const options: [string | undefined, string, number][] = [
    [undefined, 'All', list.foundCount.value],
    ...states.map(([state, count]): [string, string, number] => [state, state, count]),
    ...(isNone ? [[chosen, chosen, 0] as [string, string, number]] : []),
  ];
  return (
    <fieldset class="chips" aria-label="State">
      {options.map(([state, label, count]) => (
        <button
          key={label}
          type="button"
          class="chip"
          aria-pressed={chosen === state}
          onClick={() => {
            list.vmState.value = state;
          }}
        >
          {label} <span class="count">{formatCount(count)}</span>
        </button>
      ))}
    </fieldset>
  );
}
