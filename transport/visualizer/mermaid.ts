/**
 * A chart as a Mermaid state diagram, for pages that draw those: of the same boxes, lines and exits as the picture. What
 * stands in a box is its description there; of an unfolded state, which has none in Mermaid, a note.
 */
import type { Box, Exit, Line } from './outline.ts';

export function mermaidOf(root: Box): string {
  const { name, description } = root.state;
  const about = [`accTitle: ${name}`, ...(description === undefined ? [] : [`accDescr: ${description}`])];
  return ['stateDiagram-v2', ...[...about, ...whole(root)].map(indented), ''].join('\n');
}

function whole(box: Box): string[] {
  const { state, boxes } = box;
  const id = idOf(state.path);
  const head = `state "${state.name}" as ${id}`;
  const texts = textsOf(box);
  if (boxes.length === 0) return [head, ...texts.map((text) => `${id} : ${text}`)];
  const note = texts.length === 0 ? [] : [`note right of ${id}`, ...texts.map(indented), 'end note'];
  return [`${head} {`, ...within(box).map(indented), '}', ...note];
}

function within({ state, boxes, lines }: Box): string[] {
  if (state.kind === 'parallel') return boxes.flatMap((box, index) => [...(index === 0 ? [] : ['--']), ...whole(box)]);
  return [
    ...boxes.flatMap(whole),
    ...boxes.filter((box) => box.state.isInitial).map((box) => `[*] --> ${idOf(box.state.path)}`),
    ...lines.map(edge),
    ...boxes.filter((box) => box.state.kind === 'final').map((box) => `${idOf(box.state.path)} --> [*]`),
  ];
}

function textsOf({ state, isFolded, exits }: Box): string[] {
  return [
    ...(state.path === '' && exits.length > 0 ? ['in every state'] : []),
    ...state.invokes.map((invoke) => `does ${invoke}`),
    ...(isFolded ? state.states.map(({ name }) => `· ${name}`) : []),
    ...exits.map(exitWords),
  ];
}

function edge({ from, to, words }: Line): string {
  return `${idOf(from)} --> ${idOf(to)} : ${words.join(', ')}`;
}

function exitWords({ words, target }: Exit): string {
  return target === undefined ? words : `${words} → ${target}`;
}

/** There are no dots in an id of Mermaid. */
function idOf(path: string): string {
  return path === '' ? 'machine_' : path.replaceAll('.', '_');
}

function indented(line: string): string {
  return `    ${line}`;
}
