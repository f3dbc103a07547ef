/** What is known of one thing: a list of names and values, without what there is nothing to say of. */
import type { ComponentChildren } from 'preact';

export type NamedFact = readonly [name: string, value: ComponentChildren];

export function Facts({ facts }: { facts: readonly NamedFact[] }) {
  const known = facts.filter(([, value]) => value !== undefined && value !== false && value !== null && value !== '');
  return (
    <dl class="facts">
      {known.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
