/**
 * Paths through a specification, by XState's own generator: shortest ones that together take every event in every state,
 * each the beginning of no other. Bounded by the number of states that are looked at.
 */
import { createTestModel, getAdjacencyMap } from 'xstate/graph';
import { readSpecified, type Specification } from './specification.ts';

export type Path = readonly string[];

const mostLooks = 100_000;

/** Enough paths for every transition of the specification, of the events that can be played. */
export function generatePaths<Context>(
  { machine, events, next }: Specification<Context>,
  isPlayable: (state: string, event: string) => boolean = () => true,
): Path[] {
  const model = createTestModel(machine, {
    events: events.map((type) => ({ type })),
    limit: mostLooks,
    filterEvents(snapshot, { type }) {
      const specified = readSpecified<Context>(snapshot);
      return next(specified, type) !== undefined && isPlayable(specified.state, type);
    },
  });
  // A path begins with XState's own event, which is nobody's.
  return model
    .getShortestPaths()
    .map(({ steps }) => steps.map(({ event }) => String(event.type)).filter((type) => !type.startsWith('xstate.')));
}

/** The smallest share of the paths, chosen greedily, in which everything stands that `featuresOf` tells of any. */
export function choosePaths(paths: readonly Path[], featuresOf: (path: Path) => Iterable<string>): Path[] {
  const left = paths.map((path) => ({ path, features: new Set(featuresOf(path)) }));
  const chosen: Path[] = [];
  for (;;) {
    let best: (typeof left)[number] | undefined;
    for (const each of left) {
      if (each.features.size === 0) continue;
      const gain = each.features.size / each.path.length;
      if (!best || gain > best.features.size / best.path.length) best = each;
    }
    if (!best) return chosen;
    chosen.push(best.path);
    const taken = new Set(best.features);
    for (const { features } of left) for (const feature of taken) features.delete(feature);
  }
}

export interface StateGraph {
  states: string[];
  /** The states from which none of those can be reached in which `isGoal` holds. */
  stuck: string[];
}

/** What can be reached at all, with everything that the state and its context say; and from where no rest can be. */
export function findStuck<Context>(spec: Specification<Context>, isRest: (state: string) => boolean): StateGraph {
  const { machine, events, next } = spec;
  const graph = getAdjacencyMap(machine, {
    events: events.map((type) => ({ type })),
    filterEvents: (snapshot, { type }) => next(readSpecified(snapshot), type) !== undefined,
    limit: mostLooks,
    serializeState: (snapshot) => JSON.stringify(readSpecified(snapshot)),
  });
  const before = new Map<string, string[]>();
  for (const [from, { transitions }] of Object.entries(graph)) {
    for (const leading of Object.values(transitions)) {
      const to = JSON.stringify(readSpecified((leading as { state: unknown }).state));
      before.set(to, [...(before.get(to) ?? []), from]);
    }
  }
  const reaching = new Set(Object.keys(graph).filter((node) => isRest(JSON.parse(node).state)));
  for (const node of reaching) for (const earlier of before.get(node) ?? []) reaching.add(earlier);
  const states = Object.keys(graph);
  return { states, stuck: states.filter((node) => !reaching.has(node)) };
}
