/** The list of instances as a grid that is walked through by keys: arrows, Home, End, Space to choose, Enter to open. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Link, useLocation } from 'wouter-preact';
import type { InstanceView } from '../../messages/api/instance.ts';
import { Age } from '../components/age.tsx';
import { Icon } from '../components/icon.tsx';
import { InstanceState } from '../components/state.tsx';
import { reveal, useRows, VirtualRows } from '../components/virtual-rows.tsx';
import { formatCount } from '../format.ts';
import { loading, scope } from '../live/instances.ts';
import { projectName } from '../live/projects.ts';
import { useIsNarrow } from '../use-is-narrow.ts';
import { addressesOf, type Row, type SortKey } from './listing.ts';
import * as list from './view-of-list.ts';

const columns: readonly { key: SortKey; label: string }[] = [
  { key: 'name', label: 'Name' },
  { key: 'state', label: 'State' },
  { key: 'address', label: 'Address' },
  { key: 'host', label: 'Host' },
  { key: 'flavor', label: 'Flavor' },
  { key: 'createdAt', label: 'Age' },
];

export function InstanceGrid() {
  const rows = list.rows.value;
  if (loading.value === 'loading' && rows.length === 0) return <p class="quiet">Loading…</p>;
  if (rows.length === 0) return <div class="empty">Nothing is found.</div>;
  return <Grid rows={rows} />;
}

function Grid({ rows }: { rows: readonly Row[] }) {
  const scroller = useRef<HTMLDivElement>(null);
  const active = useSignal(0);
  const isNarrow = useIsNarrow();
  const [, go] = useLocation();
  const isAll = scope.value === 'all';
  const rowHeight = isNarrow ? 56 : 32;
  const above = isNarrow ? 0 : 32;
  const at = Math.min(active.value, rows.length - 1);
  const inPage = useRows(scroller, rows.length, rowHeight);

  useEffect(() => {
    if (scroller.current && document.activeElement === scroller.current)
      reveal(scroller.current, at, { above, rowHeight });
  }, [at, above, rowHeight]);

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
    if (step !== undefined) active.value = Math.max(0, Math.min(rows.length - 1, at + step));
    else if (event.key === 'Enter' && row?.kind === 'instance') go(`/instances/${row.instance.uuid}`);
    else if (event.key === ' ' && row) choose(row, !isChosen(row));
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
  const isChosen = (row: Row) => uuidsOf(row).every((uuid) => list.chosen.value.has(uuid));
  const choose = (row: Row, isWanted: boolean) => list.choose(uuidsOf(row), isWanted);
  const chooseAll = (isWanted: boolean) =>
    list.choose(
      rows.flatMap((row) => (row.kind === 'instance' ? [row.instance.uuid] : [])),
      isWanted,
    );

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
            <input
              type="checkbox"
              aria-label="Choose all"
              checked={rows.every((row) => row.kind === 'group' || list.chosen.value.has(row.instance.uuid))}
              onChange={({ currentTarget }) => chooseAll(currentTarget.checked)}
            />
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
            onActivate: () => {
              active.value = index;
            },
          };
          return row.kind === 'group' ? (
            <GroupRow key={`group-${row.vmState}`} {...about} {...row} isChosen={isChosen(row)} />
          ) : (
            <InstanceRow
              key={row.instance.uuid}
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

interface RowProps {
  id: string;
  index: number;
  isActive: boolean;
  isChosen: boolean;
  onChoose(isWanted: boolean): void;
  onActivate(): void;
}

function GroupRow({
  id,
  index,
  isActive,
  isChosen,
  onChoose,
  onActivate,
  vmState,
  count,
}: RowProps & { vmState: string; count: number }) {
  return (
    <div id={id} role="row" aria-rowindex={index + 2} class={`group ${isActive ? 'active' : ''}`} onClick={onActivate}>
      <span role="gridcell" class="choose">
        <Choice label={`Choose all that are ${vmState}`} isChosen={isChosen} onChoose={onChoose} />
      </span>
      <span role="gridcell" class="name" aria-colspan={columns.length}>
        {vmState} <span class="count">{formatCount(count)}</span>
      </span>
    </div>
  );
}

interface InstanceRowProps extends RowProps {
  instance: InstanceView;
  withProject: boolean;
}

function InstanceRow({ id, index, isActive, isChosen, onChoose, onActivate, instance, withProject }: InstanceRowProps) {
  const { uuid, name, host, hostStatus, flavor, createdAt, projectId, lock, fault } = instance;
  return (
    <div
      id={id}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isChosen}
      class={isActive ? 'active' : ''}
      onClick={onActivate}
    >
      <span role="gridcell" class="choose">
        <Choice label={`Choose ${name}`} isChosen={isChosen} onChoose={onChoose} />
      </span>
      <span role="gridcell" class="name">
        <Link to={`/instances/${uuid}`} tabIndex={-1}>
          {name}
        </Link>
        {lock && <Icon name="lock" />}
        {lock && <span class="hidden">locked</span>}
      </span>
      <span role="gridcell" class="state-cell" title={fault?.message}>
        <InstanceState {...instance} />
      </span>
      <span role="gridcell" class="address code">
        {addressesOf(instance)}
      </span>
      <span role="gridcell" class="host">
        {host}
        {hostStatus === 'down' && <em class="bad"> down</em>}
      </span>
      <span role="gridcell" class="flavor">
        {flavor.name}
      </span>
      <span role="gridcell" class="age">
        <Age since={createdAt} />
      </span>
      {withProject && (
        <span role="gridcell" class="project" title={projectId}>
          {projectName(projectId)}
        </span>
      )}
    </div>
  );
}

function Choice({
  label,
  isChosen,
  onChoose,
}: {
  label: string;
  isChosen: boolean;
  onChoose(isWanted: boolean): void;
}) {
  return (
    <input
      type="checkbox"
      tabIndex={-1}
      aria-label={label}
      checked={isChosen}
      onChange={({ currentTarget }) => onChoose(currentTarget.checked)}
    />
  );
}
