/** The rows of the list: one for each instance, and one above those in the same state. */
import type { ComponentChildren } from 'preact';
import { Link } from 'wouter-preact';
import type { InstanceView } from '../../messages/api/instance.ts';
import { Age } from '../components/age.tsx';
import { Icon } from '../components/icon.tsx';
import { InstanceState } from '../components/state.tsx';
import { formatCount } from '../format.ts';
import { projectName } from '../live/projects.ts';
import { addressesOf } from './listing.ts';

/** What a row is told of itself. */
export interface RowProps {
  id: string;
  index: number;
  isActive: boolean;
  isChosen: boolean | 'some';
  onChoose(isWanted: boolean): void;
  onActivate(): void;
}

interface GroupRowProps extends RowProps {
  vmState: string;
  count: number;
  columnCount: number;
}

export function GroupRow({ vmState, count, columnCount, ...row }: GroupRowProps) {
  return (
    <Row {...row} class="group" choice={`Choose all that are ${vmState}`}>
      <span role="gridcell" class="name" aria-colspan={columnCount}>
        {vmState} <span class="count">{formatCount(count)}</span>
      </span>
    </Row>
  );
}

interface InstanceRowProps extends RowProps {
  instance: InstanceView;
  withProject: boolean;
}

export function InstanceRow({ instance, withProject, ...row }: InstanceRowProps) {
  const { uuid, name, host, hostStatus, flavor, createdAt, projectId, lock, fault } = instance;
  return (
    <Row {...row} aria-selected={row.isChosen === true} choice={`Choose ${name}`}>
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
        <Age since={createdAt} suffix=" ago" />
      </span>
      {withProject && (
        <span role="gridcell" class="project" title={projectId}>
          {projectName(projectId)}
        </span>
      )}
    </Row>
  );
}

interface WholeRowProps extends RowProps {
  /** What it is to choose it, for whoever does not see it. */
  choice: string;
  class?: string;
  'aria-selected'?: boolean;
  children: ComponentChildren;
}

function Row({ index, isActive, isChosen, onChoose, onActivate, choice, children, ...more }: WholeRowProps) {
  return (
    <div
      {...more}
      role="row"
      aria-rowindex={index + 2}
      class={[more.class, isActive && 'active'].filter(Boolean).join(' ')}
      onClick={onActivate}
    >
      <span role="gridcell" class="choose">
        <Choice label={choice} isChosen={isChosen} onChoose={onChoose} />
      </span>
      {children}
    </div>
  );
}

interface ChoiceProps {
  label: string;
  isChosen: boolean | 'some';
  onChoose(isWanted: boolean): void;
  /** By the keyboard as well: what the keys of the grid do not reach. */
  isReached?: boolean;
}

export function Choice({ label, isChosen, onChoose, isReached = false }: ChoiceProps) {
  return (
    <input
      type="checkbox"
      tabIndex={isReached ? 0 : -1}
      aria-label={label}
      checked={isChosen === true}
      indeterminate={isChosen === 'some'}
      // The row hears the same click, and is drawn anew before a change would be told.
      onClick={({ currentTarget }) => onChoose(currentTarget.checked)}
    />
  );
}
