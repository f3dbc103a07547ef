/** What stands in a picture of a chart: short words for transitions, and whole sentences for who asks for more. */
import type { ChartState, ChartTransition } from './chart.ts';

/** What a transition waits for. Events of the machine's own kind go without its name: `stop` of an instance. */
export function triggerWords({ kind, event, of }: ChartTransition, chartId: string): string {
  switch (kind) {
    case 'done':
      return 'done';
    case 'failed':
      return 'fails';
    case 'always':
      return 'at once';
    case 'after':
      return `after ${durationWords(of)}`;
    case 'event':
      if (event === '*') return 'anything else';
      return event.startsWith(`${chartId}.`) ? event.slice(chartId.length + 1) : event;
  }
}

/** With its condition: `reboot [is soft]`. */
export function transitionWords(transition: ChartTransition, chartId: string): string {
  const { guard, isOtherwise } = transition;
  const condition = guard ?? (isOtherwise ? 'otherwise' : undefined);
  return [triggerWords(transition, chartId), ...(condition === undefined ? [] : [`[${condition}]`])].join(' ');
}

/** Of transitions that stand together, each trigger once: with its condition where all have the same. */
export function mergedWords(transitions: readonly ChartTransition[], chartId: string): string[] {
  const byTrigger = Map.groupBy(transitions, (each) => triggerWords(each, chartId));
  return [...byTrigger].map(([trigger, alike]) => {
    const [words, ...others] = new Set(alike.map((each) => transitionWords(each, chartId)));
    return words === undefined || others.length > 0 ? trigger : words;
  });
}

/** All that is known of a state, a line each. */
export function aboutState({ path, name, description, invokes, entry, exit, tags }: ChartState): string {
  return [
    path === '' ? name : path,
    description,
    said('meanwhile', invokes),
    said('on entry', entry),
    said('on exit', exit),
    said('tags', tags),
  ]
    .filter((line) => line !== undefined)
    .join('\n');
}

/** All that is known of transitions that are drawn as one, a line each. */
export function aboutTransitions(transitions: readonly ChartTransition[]): string {
  return transitions.map(aboutTransition).join('\n');
}

function aboutTransition(transition: ChartTransition): string {
  const { source, target, guard, isOtherwise, actions } = transition;
  return [
    `${source === '' ? 'in any state' : source}: ${wholeTrigger(transition)} → ${target ?? 'stays'}`,
    guard === undefined ? undefined : `if ${guard}`,
    isOtherwise ? 'otherwise' : undefined,
    said('then', actions),
  ]
    .filter((part) => part !== undefined)
    .join(' · ');
}

function wholeTrigger({ kind, event, of }: ChartTransition): string {
  switch (kind) {
    case 'done':
      return of === undefined ? 'all of it is done' : `${of} is done`;
    case 'failed':
      return of === undefined ? 'it fails' : `${of} fails`;
    case 'always':
      return 'at once';
    case 'after':
      return `after ${durationWords(of)}`;
    case 'event':
      return event;
  }
}

/** A delay is named, or in milliseconds. */
function durationWords(of = ''): string {
  return /^\d+$/.test(of) ? `${of} ms` : of;
}

function said(what: string, words: readonly string[]): string | undefined {
  return words.length === 0 ? undefined : `${what}: ${words.join(', ')}`;
}
