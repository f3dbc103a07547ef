/**
 * The picture of a chart as SVG. A page lights what it wants by attributes: `data-state` is on every state that is shown,
 * also on the steps of a folded one, and `data-transitions` on every line and exit, with the ids of what it stands for.
 */

import { type BoxContent, invokePadding } from './box-content.ts';
import { type DrawnBox, type DrawnLine, dotRadius, labelLineHeight, type Point } from './picture.ts';
import { chartColours, chartStyle } from './style.ts';
import { aboutState, aboutTransitions } from './words.ts';

/** A whole file, with its style. */
export function svgFile(picture: DrawnBox): string {
  const { width, height, box } = picture;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${round(width)} ${round(height)}"`,
    `  width="${round(width)}" height="${round(height)}" role="img"`,
    `  aria-label="${escaped(`Statechart: ${box.state.name}`)}">`,
    `<style>${chartColours}${chartStyle}</style>`,
    svgContent(picture),
    '</svg>\n',
  ].join('\n');
}

/** What stands in the `svg` element, which has the class `chart`; for a page that has the style already. */
export function svgContent(picture: DrawnBox): string {
  return [`<defs>${['arrow', 'arrow-failure', 'arrow-taken'].map(marker).join('')}</defs>`, svgBox(picture, 0)].join(
    '\n',
  );
}

function marker(id: string): string {
  return (
    `<marker id="${id}" viewBox="0 0 10 10" refX="9" refY="5" markerUnits="userSpaceOnUse" markerWidth="10" markerHeight="10" orient="auto">` +
    '<path d="M1,1.5 9.5,5 1,8.5z"/></marker>'
  );
}

function svgBox(drawn: DrawnBox, depth: number): string {
  const { box, content, x, y, width, height, boxes, lines, beginning } = drawn;
  const { state, isFolded } = box;
  const classes = ['box', state.kind, ...(isFolded ? ['folded'] : []), depth % 2 === 0 ? 'even' : 'odd'];
  const inner = 3;
  return [
    `<g class="${classes.join(' ')}" data-state="${escaped(state.path)}">`,
    `<title>${escaped(aboutState(state))}</title>`,
    `<rect class="frame" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="9"/>`,
    ...(state.kind === 'final'
      ? [
          `<rect class="end" x="${round(x + inner)}" y="${round(y + inner)}" width="${round(width - 2 * inner)}" ` +
            `height="${round(height - 2 * inner)}" rx="6.5"/>`,
        ]
      : []),
    ...svgTexts(content, { x, y }),
    '</g>',
    ...(beginning ? [svgBeginning(beginning)] : []),
    ...lines.map(svgLine),
    ...boxes.map((each) => svgBox(each, depth + 1)),
    // Above all lines, so that none strikes them through.
    ...lines.map((line) => svgLabel(line, depth)),
  ].join('\n');
}

function svgTexts({ name, notes, invokes, steps, exits }: BoxContent, { x, y }: Point): string[] {
  const text = (className: string, placed: { text: string; x: number; y: number }) =>
    `<text class="${className}" x="${round(x + placed.x)}" y="${round(y + placed.y)}">${escaped(placed.text)}</text>`;
  return [
    text('name', name),
    ...notes.map((note) => text('note', note)),
    ...invokes.flatMap((invoke) => [
      `<rect class="invoke" x="${round(x + invoke.x - invokePadding)}" y="${round(y + invoke.y - 11.5)}" ` +
        `width="${round(invoke.width)}" height="16" rx="8"/>`,
      text('invoked', invoke),
    ]),
    ...steps.map(
      (step) =>
        `<g class="step ${step.state.kind}" data-state="${escaped(step.state.path)}">` +
        `<title>${escaped(aboutState(step.state))}</title>` +
        `<circle cx="${round(x + step.x - 8)}" cy="${round(y + step.y - 4)}" r="3"/>${text('words', step)}</g>`,
    ),
    ...exits.map(
      ({ exit, words, target }) =>
        `<g class="exit${exit.isFailure ? ' failure' : ''}" ${transitionData(exit.transitions)}>` +
        `<title>${escaped(aboutTransitions(exit.transitions))}</title>${text('words', words)}${text('target', target)}</g>`,
    ),
  ];
}

function svgBeginning(points: Point[]): string {
  const [dot] = points;
  return (
    `<g class="line beginning"><path d="${path(points)}" marker-end="url(#arrow)"/>` +
    (dot ? `<circle cx="${round(dot.x)}" cy="${round(dot.y - dotRadius)}" r="${dotRadius}"/>` : '') +
    '</g>'
  );
}

function svgLine({ line, points }: DrawnLine): string {
  const arrow = line.isFailure ? 'arrow-failure' : 'arrow';
  return (
    `<g class="line${line.isFailure ? ' failure' : ''}" ${transitionData(line.transitions)}>` +
    `<title>${escaped(aboutTransitions(line.transitions))}</title>` +
    `<path d="${path(points)}" marker-end="url(#${arrow})"/></g>`
  );
}

function svgLabel({ line, label }: DrawnLine, depth: number): string {
  const middle = label.x + label.width / 2;
  const rows = label.rows.map(
    (words, index) =>
      `<text x="${round(middle)}" y="${round(label.y + 11 + index * labelLineHeight)}">${escaped(words)}</text>`,
  );
  const classes = ['label', depth % 2 === 0 ? 'even' : 'odd', ...(line.isFailure ? ['failure'] : [])];
  return (
    `<g class="${classes.join(' ')}" ${transitionData(line.transitions)}>` +
    `<title>${escaped(aboutTransitions(line.transitions))}</title>${rows.join('')}</g>`
  );
}

/** With round corners. */
function path(points: readonly Point[]): string {
  return points
    .map((point, index) => {
      const before = points[index - 1];
      const after = points[index + 1];
      if (!before) return `M${pair(point)}`;
      if (!after) return `L${pair(point)}`;
      return `L${pair(towards(point, before))}Q${pair(point)} ${pair(towards(point, after))}`;
    })
    .join('');
}

const cornerRadius = 6;

/** The point on the way from a corner to its neighbour where the line begins to bend. */
function towards(corner: Point, neighbour: Point): Point {
  const length = Math.hypot(neighbour.x - corner.x, neighbour.y - corner.y);
  const share = length === 0 ? 0 : Math.min(cornerRadius, length / 2) / length;
  return { x: corner.x + (neighbour.x - corner.x) * share, y: corner.y + (neighbour.y - corner.y) * share };
}

function pair({ x, y }: Point): string {
  return `${round(x)},${round(y)}`;
}

function round(coordinate: number): number {
  return Math.round(coordinate * 10) / 10;
}

function transitionData(transitions: readonly { id: string }[]): string {
  return `data-transitions="${escaped(transitions.map(({ id }) => id).join(' '))}"`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
