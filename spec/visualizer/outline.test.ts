import { describe, expect, it } from 'vitest';
import { type ChartTransition, statesWithin } from '../../transport/visualizer/chart.ts';
import { knownChart } from '../../transport/visualizer/known-charts.ts';
import { mermaidOf } from '../../transport/visualizer/mermaid.ts';
import { type Box, outlineOf } from '../../transport/visualizer/outline.ts';
import { transitionWords } from '../../transport/visualizer/words.ts';
import { boxesWithin, lamp, waysToUnfold } from './support.ts';

const instance = knownChart('instance');
const host = knownChart('host');

/** As one can say it: what is shared by all the states of one is the same for each of them. */
function said(transition: ChartTransition): string {
  return `${transitionWords(transition, '')} → ${transition.target}`;
}

/** What is drawn in a box or leads out of it. */
function shownBy(box: Box): ChartTransition[] {
  return boxesWithin(box).flatMap(({ exits, lines }) => [...exits, ...lines].flatMap(({ transitions }) => transitions));
}

function boxOf(root: Box, path: string): Box {
  const found = boxesWithin(root).find(({ state }) => state.path === path);
  if (!found) throw new Error(`there is no box of ${path}`);
  return found;
}

describe.each([lamp, instance, host])('of the chart of $id', (chart) => {
  it.each(waysToUnfold(chart).map((unfolded) => [[...unfolded].join(', ') || 'nothing', unfolded] as const))(
    'every transition is shown, with %s unfolded, but those within what is folded',
    (_, unfolded) => {
      const root = outlineOf(chart, unfolded);
      const folded = boxesWithin(root).filter(({ isFolded }) => isFolded);
      const hidden = folded.flatMap(({ state }) =>
        statesWithin(state)
          .flatMap(({ transitions }) => transitions)
          .filter(({ target }) => target?.startsWith(`${state.path}.`)),
      );
      const expected = statesWithin(chart.root).flatMap(({ transitions }) => transitions);
      const shown = new Set(shownBy(root).map(said));
      const isHidden = new Set(hidden);
      expect(expected.filter((each) => !isHidden.has(each) && !shown.has(said(each))).map(said)).toEqual([]);
    },
  );
});

describe('the overview of an instance', () => {
  const root = outlineOf(instance);
  const lines = root.lines.map(({ from, to, words }) => `${from} → ${to}: ${words.join(', ')}`);

  it('has the states of the top level, and names the steps of those that have any', () => {
    expect(root.boxes.map(({ state }) => state.path)).toEqual(instance.root.states.map(({ path }) => path));
    expect(boxOf(root, 'spawning')).toMatchObject({ isFolded: true, boxes: [] });
  });

  it('draws the way of a launch, and of what is given back when it fails', () => {
    expect(lines).toEqual(
      expect.arrayContaining([
        'scheduling → building: scheduled',
        'building → networking: done',
        'networking → mapping: done',
        'mapping → spawning: done',
        'spawning → running: done',
        'spawning → releasing: fails',
        'releasing → scheduling: done [may be placed again]',
        'releasing → deleted: done [is delete wanted]',
      ]),
    );
  });

  it('draws fewer than two lines a state, and has each state on one', () => {
    expect(lines.length).toBeLessThan(2 * root.boxes.length);
    const ends = new Set(root.lines.flatMap(({ from, to }) => [from, to]));
    expect(root.boxes.filter(({ state }) => !ends.has(state.path))).toEqual([]);
  });

  it('names what every state has once, at the root', () => {
    expect(root.exits).toMatchObject([
      { words: 'delete', target: 'releasing' },
      { words: 'evacuate [has guest]', target: 'evacuating' },
    ]);
  });
});

describe('an unfolded state', () => {
  const root = outlineOf(instance, new Set(['spawning']));

  it('is drawn with what is in it, and changes no line around it', () => {
    expect(boxOf(root, 'spawning').boxes).toHaveLength(6);
    expect(root.lines).toEqual(outlineOf(instance).lines);
  });

  it('names once what all of its states do alike', () => {
    expect(boxOf(outlineOf(instance, new Set(['releasing'])), 'releasing').exits).toContainEqual(
      expect.objectContaining({ words: 'fails', target: 'failed.releasing', isFailure: true }),
    );
    expect(boxOf(root, 'spawning.creatingDisks').exits).toEqual([]);
  });
});

it('the parts of a parallel state are always unfolded', () => {
  const root = outlineOf(host);
  expect(root.boxes.map(({ isFolded, boxes }) => [isFolded, boxes.length])).toEqual([
    [false, 5],
    [false, 3],
  ]);
});

describe('in Mermaid', () => {
  it('a chart has the same boxes, lines and exits', () => {
    expect(mermaidOf(outlineOf(lamp, new Set(['on'])))).toBe(`stateDiagram-v2
    accTitle: lamp
    accDescr: A lamp that everybody knows.
    state "lamp" as machine_ {
        state "off" as off
        off : press [otherwise] → off
        off : dust.settled
        state "on" as on {
            state "dim" as on_dim
            state "bright" as on_bright
            state "burning" as on_burning
            [*] --> on_dim
            on_dim --> on_bright : press [is brighter than 5]
            on_bright --> on_burning : at once
            on_burning --> [*]
        }
        state "broken" as broken
        [*] --> off
        off --> on : press [has power]
        on --> off : done, after patience
        broken --> [*]
    }
    note right of machine_
        in every state
        break → broken
    end note
`);
  });

  it('the parts of a parallel state stand side by side', () => {
    expect(
      mermaidOf(outlineOf(host))
        .split('\n')
        .filter((line) => line.trim() === '--'),
    ).toHaveLength(1);
  });
});
