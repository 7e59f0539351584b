import { type Diagram, type DiagramNode, firstLabels } from '../tools/show/diagram.ts';
import { type Markup, markup } from './markup.ts';
import { placed, type Point, type Size } from './placing.ts';

const lineHeight = 15;
const boxHeight = 42;
/** A little more than most letters take: nothing here can measure text. */
const nameLetterWidth = 8.8;
const labelLetterWidth = 6.8;

/** Its one style sheet, whose hash the policy of the picture names. */
export const svgStyle = `
:root { color-scheme: light dark; font: 12px system-ui, sans-serif; }
text { fill: #1c2430; text-anchor: middle; }
.name { font-size: 14px; font-weight: 600; }
.type, .label { fill: #55606e; }
.label { font-size: 11px; paint-order: stroke; stroke: #fff; stroke-width: 4px; stroke-linejoin: round; }
rect { fill: #f3f6fa; stroke: #7b8794; rx: 7px; }
.storage rect { fill: #e8f1fc; stroke: #3b76b5; }
.queue rect { fill: #f9eefb; stroke: #a04bb0; }
.code rect { fill: #fdf3e4; stroke: #c07b1f; }
path { fill: none; stroke: #8a94a1; stroke-width: 1.3px; }
marker path { fill: #8a94a1; stroke: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e9f0; }
  .type, .label { fill: #a5b0be; }
  .label { stroke: #14181e; }
  rect { fill: #20262e; }
  .storage rect { fill: #16283c; stroke: #6ba6e8; }
  .queue rect { fill: #331c38; stroke: #ce86dc; }
  .code rect { fill: #382a14; stroke: #e0a54e; }
}
`;

const families: Readonly<Record<string, string>> = {
  DynamoDB: 'storage',
  S3: 'storage',
  SQS: 'queue',
  SNS: 'queue',
  Kinesis: 'queue',
  Lambda: 'code',
  StepFunctions: 'code',
};

/** A diagram as a picture: boxes from left to right, arrows with what goes along them. */
export function svg({ nodes, edges }: Diagram): Markup {
  const { width, height, boxes, arrows } = placed(
    nodes.map((node) => ({ ...node, width: widthOf(node), height: boxHeight })),
    edges.map(({ from, to, labels }) => ({ from, to, label: labelOf(labels) })),
  );
  // Without a box, dagre says that it is infinitely small.
  const [right, bottom] = [width, height].map((length) => Math.max(1, Math.ceil(length)));
  return markup`<svg xmlns="http://www.w3.org/2000/svg" width="${right}" height="${bottom}" viewBox="0 0 ${right} ${bottom}">
    <style>${svgStyle}</style>
    <defs>
      <marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
        <path d="M0 0 L8 4 L0 8 z"/>
      </marker>
    </defs>
    ${arrows.map(({ points }) => markup`<path d="${bent(points)}" marker-end="url(#end)"/>\n    `)}
    ${boxes.map(({ box, at }) => boxAt(box, at))}
    ${arrows.map(({ arrow, at }) => labelAt(arrow.label, at))}
  </svg>
`;
}

function widthOf({ name, type }: DiagramNode): number {
  return 24 + Math.max(name.length * nameLetterWidth, type.length * labelLetterWidth);
}

interface Label extends Size {
  readonly lines: readonly string[];
}

function labelOf(labels: readonly string[]): Label {
  const { first, more } = firstLabels(labels);
  const lines = more > 0 ? [...first, `and ${more} more`] : first;
  return {
    lines,
    width: Math.max(0, ...lines.map((line) => line.length * labelLetterWidth)),
    height: lines.length * lineHeight,
  };
}

function boxAt({ name, type, width, height }: DiagramNode & Size, { x, y }: Point): Markup {
  return markup`<g class="${families[type.split(' ')[0]!]}">
      <rect x="${rounded(x - width / 2)}" y="${rounded(y - height / 2)}" width="${rounded(width)}" height="${height}"/>
      <text class="name" x="${rounded(x)}" y="${rounded(y - 3)}">${name}</text>
      <text class="type" x="${rounded(x)}" y="${rounded(y + 13)}">${type}</text>
    </g>
    `;
}

function labelAt({ lines }: Label, { x, y }: Point): Markup {
  const top = y - ((lines.length - 1) * lineHeight) / 2 + 4;
  const texts = lines.map(
    (
      line,
      index,
    ) => markup`<text class="label" x="${rounded(x)}" y="${rounded(top + index * lineHeight)}">${line}</text>
    `,
  );
  return markup`${texts}`;
}

const bendMax = 24;

/** Straight from point to point, so that it goes through its label, with the corners rounded off. */
function bent(points: readonly Point[]): string {
  const at = ({ x, y }: Point) => `${rounded(x)} ${rounded(y)}`;
  const bends = points.slice(1, -1).map((corner, index) => {
    const from = towards(corner, points[index]!);
    const to = towards(corner, points[index + 2]!);
    return `L${at(from)} Q${at(corner)} ${at(to)}`;
  });
  return [`M${at(points[0]!)}`, ...bends, `L${at(points.at(-1)!)}`].join(' ');
}

/** The point of a corner's leg where its bend begins or ends. */
function towards(corner: Point, other: Point): Point {
  const length = Math.hypot(other.x - corner.x, other.y - corner.y);
  const share = Math.min(bendMax / Math.max(length, 1), 0.5);
  return { x: corner.x + (other.x - corner.x) * share, y: corner.y + (other.y - corner.y) * share };
}

function rounded(length: number): number {
  return Math.round(length * 10) / 10;
}
