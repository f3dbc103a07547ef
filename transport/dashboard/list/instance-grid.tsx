/** The list of instances as a grid that is walked through by keys: arrows, Home, End, Space to choose, Enter to open. */

import { useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useLocation } from 'wouter-preact';
import { Icon } from '../components/icon.tsx';
import { Loading } from '../components/loading.tsx';
import { reveal, useRows, VirtualRows } from '../components/virtual-rows.tsx';
import { loading, scope } from '../live/instances.ts';
import { useIsNarrow } from '../use-is-narrow.ts';
import { keyOf, type Row, type SortKey } from './listing.ts';
import { Choice, GroupRow, InstanceRow } from './rows.tsx';
import * as list from './view-of-list.ts';

export const columns: readonly { key: SortKey; label: string }[] = [
  { key: 'name', label: 'Name' },
  { key: 'state', label: 'State' },
  { key: 'address', label: 'Address' },
  { key: 'host', label: 'Host' },
  { key: 'flavor', label: 'Flavor' },
  { key: 'createdAt', label: 'Created' },
];

export function InstanceGrid({ scroller }: { scroller: RefObject<HTMLDivElement> }) {
  const rows = list.rows.value;
  if (loading.value === 'loading' && rows.length === 0) return <Loading />;
  if (rows.length === 0) return <div class="empty">Nothing is found.</div>;
  return <Grid rows={rows} scroller={scroller} />;
}

function Grid({ rows, scroller }: { rows: readonly Row[]; scroller: RefObject<HTMLDivElement> }) {
  /** The row that keys are for: the same one wherever it comes to stand, and the one in its place when it is gone. */
  const active = useSignal<string | undefined>(undefined);
  const place = useRef(0);
  const isNarrow = useIsNarrow();
  const [, go] = useLocation();
  const isAll = scope.value === 'all';
  const rowHeight = isNarrow ? 56 : 32;
  const above = isNarrow ? 0 : 32;
  const found = rows.findIndex((row) => keyOf(row) === active.value);
  if (found >= 0) place.current = found;
  const at = Math.min(place.current, rows.length - 1);
  const inPage = useRows(scroller, rows.length, rowHeight);

  useEffect(() => {
    if (scroller.current && document.activeElement === scroller.current)
      reveal(scroller.current, at, { above, rowHeight });
  }, [at, above, rowHeight]);

  function activate(index: number): void {
    const row = rows[index];
    if (row) active.value = keyOf(row);
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.target !== scroller.current) return;
    const row = rows[at];
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / rowHeight) - 1);
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -at,
      End: rows.length,
    };
    const step = steps[event.key];
    if (step !== undefined) activate(Math.max(0, Math.min(rows.length - 1, at + step)));
    else if (event.key === 'Enter' && row?.kind === 'instance') go(`/instances/${row.instance.uuid}`);
    else if (event.key === ' ' && row) choose(row, isChosen(row) !== true);
    else if (event.key === 'Escape') list.chosen.value = new Set();
    else if (event.key === 'a' && (event.ctrlKey || event.metaKey)) chooseAll(true);
    else return;
    event.preventDefault();
  }

  function uuidsOf(row: Row): string[] {
    if (row.kind === 'instance') return [row.instance.uuid];
    return rows.flatMap((each) =>
      each.kind === 'instance' && each.instance.vmState === row.vmState ? [each.instance.uuid] : [],
    );
  }
  const all = rows.flatMap((row) => (row.kind === 'instance' ? [row.instance.uuid] : []));
  const isChosen = (row: Row) => areChosen(uuidsOf(row));
  const choose = (row: Row, isWanted: boolean) => list.choose(uuidsOf(row), isWanted);
  const chooseAll = (isWanted: boolean) => list.choose(all, isWanted);

  return (
    <div
      ref={scroller}
      class={`grid instances ${isAll ? 'with-project' : ''}`}
      role="grid"
      aria-label="Instances"
      aria-rowcount={rows.length + 1}
      aria-multiselectable
      // One that was scrolled out of sight is not in the page.
      {...(at >= inPage.from && at < inPage.to && { 'aria-activedescendant': `row-${at}` })}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <div class="head" role="rowgroup">
        <div role="row" aria-rowindex={1}>
          <span role="columnheader" class="choose">
            <Choice label="Choose all" isChosen={areChosen(all)} onChoose={chooseAll} isReached />
          </span>
          {columns.map(({ key, label }) => (
            <SortHeader key={key} sortKey={key} label={label} />
          ))}
          {isAll && (
            <span role="columnheader" class="project">
              Project
            </span>
          )}
        </div>
      </div>
      <VirtualRows
        {...inPage}
        count={rows.length}
        rowHeight={rowHeight}
        row={(index) => {
          const row = rows[index];
          if (!row) return null;
          const about = {
            id: `row-${index}`,
            index,
            isActive: index === at,
            onChoose: (isWanted: boolean) => choose(row, isWanted),
            onActivate: () => activate(index),
          };
          return row.kind === 'group' ? (
            <GroupRow key={keyOf(row)} {...about} {...row} isChosen={isChosen(row)} columnCount={columns.length} />
          ) : (
            <InstanceRow
              key={keyOf(row)}
              {...about}
              instance={row.instance}
              isChosen={list.chosen.value.has(row.instance.uuid)}
              withProject={isAll}
            />
          );
        }}
      />
    </div>
  );
}

function SortHeader({ sortKey, label }: { sortKey: SortKey; label: string }) {
  const isSorted = list.sortBy.value === sortKey;
  const isDescending = list.isDescending.value;
  return (
    <span
      role="columnheader"
      class={sortKey}
      aria-sort={isSorted ? (isDescending ? 'descending' : 'ascending') : 'none'}
    >
      <button type="button" class="bare" onClick={() => list.sort(sortKey)}>
        {label}
        {isSorted && <Icon name={isDescending ? 'down' : 'up'} />}
      </button>
    </span>
  );
}

function areChosen(uuids: readonly string[]): boolean | 'some' {
  const count = uuids.filter((uuid) => list.chosen.value.has(uuid)).length;
  return count > 0 && count < uuids.length ? 'some' : count > 0;
}
