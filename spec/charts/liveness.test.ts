/** No chart waits for ever: whatever the effects answer, it comes to rest, or goes on trying what can only be tried. */
import { describe, expect, it } from 'vitest';
import { statePath } from '../../machines/instance-states.ts';
import { exploreHost } from './host-territory.ts';
import { exploreInstance } from './instance-territory.ts';
import type { Exploration, Node } from './support.ts';

const charts = [
  { name: 'instance', explored: exploreInstance() },
  { name: 'host', explored: exploreHost() },
] as { name: string; explored: Exploration<unknown> }[];

/** An answer of the world, in time or as the failure that its deadline makes; not somebody's wish. */
const isAnswer = (label: string) => / (done|fails)$/.test(label) || label.startsWith('placement.');

function answersOf({ nodes, edges }: Exploration<unknown>): Map<Node<unknown>, Node<unknown>[]> {
  const answers = new Map<Node<unknown>, Node<unknown>[]>(nodes.map((node) => [node, []]));
  for (const { from, to, label } of edges) if (isAnswer(label)) answers.get(from)?.push(to);
  return answers;
}

describe.each(charts)('the $name chart', ({ explored }) => {
  const { nodes, edges } = explored;
  const isRest = ({ invocation }: Node<unknown>) => invocation === undefined;

  it('can come to rest from every state that it can reach, by answers alone', () => {
    const before = new Map<Node<unknown>, Node<unknown>[]>();
    for (const { from, to, label } of edges) {
      if (isAnswer(label)) before.set(to, [...(before.get(to) ?? []), from]);
    }
    const resting = new Set(nodes.filter(isRest));
    for (const node of resting) for (const earlier of before.get(node) ?? []) resting.add(earlier);
    expect(nodes.length).toBeGreaterThan(10);
    expect(nodes.filter((node) => !resting.has(node)).map(({ value }) => value)).toEqual([]);
  });

  it('has a deadline for whatever it waits for', () => {
    for (const { invocation, now } of nodes.filter((node) => !isRest(node))) {
      expect(invocation?.key.deadline).toBeGreaterThan(now);
    }
  });

  it('hears of the deadline of whatever it waits for', () => {
    const answers = new Set(edges.filter(({ label }) => label.endsWith(' fails')).map(({ from }) => from));
    expect(nodes.filter((node) => !isRest(node) && !answers.has(node)).map(({ value }) => value)).toEqual([]);
  });

  it('does nothing in a rest, and asks for something everywhere else', () => {
    const answers = answersOf(explored);
    for (const node of nodes.filter(isRest)) expect([node.value, answers.get(node)]).toEqual([node.value, []]);
  });
});

it('an instance comes to rest whatever its effects answer: it is led in no circle by them', () => {
  const answers = answersOf(exploreInstance() as Exploration<unknown>);
  const safe = new Set<Node<unknown>>();
  for (const start of answers.keys()) follow(start, []);

  function follow(node: Node<unknown>, way: Node<unknown>[]): void {
    if (safe.has(node)) return;
    if (way.includes(node))
      throw new Error(`a circle: ${[...way, node].map(({ value }) => statePath(value)).join(' → ')}`);
    for (const next of answers.get(node) ?? []) follow(next, [...way, node]);
    safe.add(node);
  }
  expect(safe.size).toBe(answers.size);
});

it('an instance can be brought from every rest but a failed launch to running, or is deleted', () => {
  const { nodes, edges } = exploreInstance();
  const before = new Map<Node<unknown>, Node<unknown>[]>();
  for (const { from, to } of edges) before.set(to, [...(before.get(to) ?? []), from]);
  const living = new Set<Node<unknown>>(nodes.filter(({ value }) => value === 'running'));
  for (const node of living) for (const earlier of before.get(node) ?? []) living.add(earlier);
  const dead = nodes.filter((node) => !living.has(node) && !node.persisted.includes('"isDeleteWanted":true'));
  const paths = new Set(dead.filter(({ invocation }) => !invocation).map(({ value }) => statePath(value)));
  expect([...paths].sort()).toEqual([
    'failed.building',
    'failed.mapping',
    'failed.networking',
    'failed.reclaiming',
    'failed.releasing',
    'failed.scheduling',
    'failed.spawning',
  ]);
});
