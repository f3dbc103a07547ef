/**
 * Where everything of a chart stands: each level is laid out by ELK in layers, from top to bottom in the machine’s own
 * order, with orthogonal lines and their words on them.
 */
import type { ELK, ElkExtendedEdge, ElkNode } from 'elkjs/lib/elk-api.js';
import { type BoxContent, contentOf, sizes } from './box-content.ts';
import type { Box, Line } from './outline.ts';
import { textWidth } from './text-width.ts';

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

/** All coordinates are those of the whole picture. */
export interface DrawnBox extends Rectangle {
  box: Box;
  content: BoxContent;
  boxes: DrawnBox[];
  lines: DrawnLine[];
  /** From the dot of an unfolded compound state to what it begins with. */
  beginning?: Point[];
}

export interface DrawnLine {
  line: Line;
  /** From where it leaves to where it ends. */
  points: Point[];
  label: Rectangle & { rows: string[] };
}

export const labelLineHeight = 13;
export const dotRadius = 5;
const margin = 18;
const maxLabelWidth = 130;

const options = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
  'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
  'elk.layered.considerModelOrder.components': 'MODEL_ORDER',
  'elk.layered.thoroughness': '20',
  'elk.layered.compaction.postCompaction.strategy': 'EDGE_LENGTH',
  'elk.layered.spacing.nodeNodeBetweenLayers': '18',
  'elk.layered.spacing.edgeNodeBetweenLayers': '12',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '10',
  'elk.spacing.nodeNode': '22',
  'elk.spacing.edgeNode': '14',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.edgeLabel': '2',
  'elk.spacing.componentComponent': '24',
};

/** Resolves with the picture; `elk` may work elsewhere, as in a worker of a page. */
export async function pictureOf(root: Box, elk: Pick<ELK, 'layout'>): Promise<DrawnBox> {
  const graph = await elk.layout(nodeOf(root));
  return drawn(root, graph, { x: 0, y: 0 });
}

function nodeOf(box: Box): ElkNode {
  const content = contentOf(box);
  const { width, height } = content;
  const id = box.state.path;
  if (box.boxes.length === 0) return { id, width, height };
  const first = box.boxes.find(({ state }) => state.isInitial);
  const beginning = first && { id: `${id}/begins`, sources: [dotOf(box)], targets: [first.state.path] };
  return {
    id,
    children: [
      ...(first ? [{ id: dotOf(box), width: 2 * dotRadius, height: 2 * dotRadius }] : []),
      ...box.boxes.map(nodeOf),
    ],
    edges: [...(beginning ? [beginning] : []), ...box.lines.map((line, index) => edgeOf(line, index, box))],
    layoutOptions: {
      ...options,
      'elk.padding': `[top=${height + margin / 2},left=${margin},bottom=${margin},right=${margin}]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${width},${height})`,
    },
  };
}

/** To ELK all edges lead onwards, so the layers are in the machine’s order; what leads back is turned around again when drawn. */
function edgeOf(line: Line, index: number, box: Box): ElkExtendedEdge {
  const ends = isLeadingBack(line, box) ? [line.to, line.from] : [line.from, line.to];
  const rows = labelRows(line);
  const label = {
    // ELK places none without.
    text: rows.join('\n'),
    width: Math.ceil(Math.max(...rows.map((row) => textWidth(row, { size: sizes.small })))) + 6,
    height: rows.length * labelLineHeight + 2,
    layoutOptions: { 'elk.edgeLabels.inline': 'true', 'elk.edgeLabels.placement': 'CENTER' },
  };
  return { id: lineId(index, box), sources: ends.slice(0, 1), targets: ends.slice(1), labels: [label] };
}

function drawn(box: Box, node: ElkNode, origin: Point): DrawnBox {
  const corner = { x: origin.x + (node.x ?? 0), y: origin.y + (node.y ?? 0) };
  const edges = new Map((node.edges ?? []).map((edge) => [edge.id, edge]));
  const nodes = new Map((node.children ?? []).map((child) => [child.id, child]));
  const beginning = pointsOf(edges.get(`${box.state.path}/begins`), corner);
  return {
    box,
    content: contentOf(box),
    ...corner,
    width: node.width ?? 0,
    height: node.height ?? 0,
    boxes: box.boxes.flatMap((each) => {
      const child = nodes.get(each.state.path);
      return child ? [drawn(each, child, corner)] : [];
    }),
    lines: box.lines.flatMap((line, index) => {
      const edge = edges.get(lineId(index, box));
      const points = pointsOf(edge, corner);
      const [label] = edge?.labels ?? [];
      if (points.length === 0 || !label) return [];
      const { x = 0, y = 0, width = 0, height = 0 } = label;
      return [
        {
          line,
          points: isLeadingBack(line, box) ? points.reverse() : points,
          label: { x: corner.x + x, y: corner.y + y, width, height, rows: labelRows(line) },
        },
      ];
    }),
    ...(beginning.length > 0 && { beginning }),
  };
}

/** A condition that would make it wide stands on a row of its own. */
function labelRows({ words }: Line): string[] {
  return words.flatMap((each) =>
    textWidth(each, { size: sizes.small }) > maxLabelWidth ? each.split(/ (?=\[)/) : [each],
  );
}

function pointsOf(edge: ElkExtendedEdge | undefined, { x, y }: Point): Point[] {
  const [section] = edge?.sections ?? [];
  if (!section) return [];
  const { startPoint, bendPoints = [], endPoint } = section;
  return [startPoint, ...bendPoints, endPoint].map((point) => ({ x: x + point.x, y: y + point.y }));
}

function isLeadingBack({ from, to }: Line, { boxes }: Box): boolean {
  const place = (path: string) => boxes.findIndex(({ state }) => state.path === path);
  return place(from) > place(to);
}

function lineId(index: number, { state }: Box): string {
  return `${state.path}/${index}`;
}

function dotOf({ state }: Box): string {
  return `${state.path}/dot`;
}
