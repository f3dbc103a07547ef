/** A list of a few dozen things: a plain table, whose cells become lines with a label where there is little width. */

import type { ComponentChildren } from 'preact';
import { Loading } from './loading.tsx';

export interface Column<T> {
  name: string;
  cell(entry: T): ComponentChildren;
  /** Numbers stand under each other. */
  isNumber?: boolean;
}

interface TableProps<T> {
  /** What is listed, for those who do not see it. */
  caption: string;
  columns: readonly Column<T>[];
  entries: readonly T[] | undefined;
  keyOf(entry: T): string;
  /** What is said instead when there is nothing. */
  empty: ComponentChildren;
}

export function Table<T>({ caption, columns, entries, keyOf, empty }: TableProps<T>) {
  if (!entries) return <Loading />;
  if (entries.length === 0) return <div class="empty">{empty}</div>;
  return (
    <table class="list">
      <caption class="hidden">{caption}</caption>
      <thead>
        <tr>
          {columns.map(({ name, isNumber }) => (
            <th key={name} scope="col" class={isNumber ? 'number' : undefined}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <tr key={keyOf(entry)}>
            {columns.map(({ name, cell, isNumber }) => (
              <td key={name} data-label={name} class={isNumber ? 'number' : undefined}>
                <div>{cell(entry)}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
