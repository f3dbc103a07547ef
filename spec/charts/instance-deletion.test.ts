/** An instance can be deleted whatever it does, and then nothing of it is left. */
import { describe, expect, it } from 'vitest';
import { instanceMachine } from '../../machines/instance.ts';
import { statePath } from '../../machines/instance-states.ts';
import { affect, exploreInstance, releaseSteps, succeed } from './instance-territory.ts';
import { restage } from './support.ts';

const { nodes } = exploreInstance();
const living = nodes.filter(({ value }) => value !== 'deleted');
const byPath = Map.groupBy(living, ({ value }) => statePath(value));

describe.each([...byPath.keys()])('from %s', (path) => {
  it('a deletion ends in deleted, with everything released', () => {
    for (const node of byPath.get(path) ?? []) {
      const stage = restage(instanceMachine, node);
      stage.send({ type: 'instance.delete' });
      let held = node.world;
      while (stage.underWay) {
        held = affect(held, `${stage.underWay.effect} done`);
        succeed(stage);
      }
      expect(stage.value).toBe('deleted');
      expect(stage.status).toBe('done');
      expect(held).toEqual([]);
      expect(stage.emitted.at(-1)).toBe('compute.instance.delete.end');
      expect(stage.context).toMatchObject({ isDeleteWanted: true, terminatedAt: stage.now, ports: [] });
    }
  });
});

it('gives back in the reverse order of taking', () => {
  const running = living.find(({ value }) => value === 'running');
  if (!running) throw new Error('running is not reached');
  const stage = restage(instanceMachine, running);
  stage.send({ type: 'instance.delete' });
  while (stage.underWay) succeed(stage);
  expect(stage.invoked.map(({ effect }) => effect)).toEqual(releaseSteps.map(({ effect }) => effect));
});

it('a wish to delete is never forgotten', () => {
  const { edges } = exploreInstance();
  for (const { from, to, label } of edges) {
    if (from.persisted.includes('"isDeleteWanted":true'))
      expect([label, to.persisted]).toEqual([label, expect.stringContaining('"isDeleteWanted":true')]);
  }
});
