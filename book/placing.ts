import * as dagre from '@dagrejs/dagre';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Box extends Size {
  readonly id: string;
}

export interface Arrow<Label> {
  readonly from: string;
  readonly to: string;
  /** What it is labelled with, and how large that is. */
  readonly label: Label & Size;
}

/** Middles of boxes and labels, and the points through which arrows go. */
export interface Placed<B, A> extends Size {
  readonly boxes: readonly { readonly box: B; readonly at: Point }[];
  readonly arrows: readonly { readonly arrow: A; readonly at: Point; readonly points: readonly Point[] }[];
}

/** What is used of dagre: its own types do not resolve under Node's rules for modules. */
interface Dagre {
  readonly Graph: new () => Graph;
  readonly layout: (graph: Graph) => void;
}

interface Graph {
  setGraph(options: Readonly<Record<string, unknown>>): void;
  graph(): Partial<Size>;
  setNode(id: string, label: Size): void;
  node(id: string): Point;
  setEdge(from: string, to: string, label: Size & { readonly labelpos: 'c' }): void;
  edge(from: string, to: string): Point & { readonly points: readonly Point[] };
}

const { Graph, layout } = dagre as unknown as Dagre;

/** Boxes in layers from left to right, so that few arrows cross: the method of Sugiyama, as dagre has it. */
export function placed<B extends Box, A extends Arrow<unknown>>(
  boxes: readonly B[],
  arrows: readonly A[],
): Placed<B, A> {
  const graph = new Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: 22, ranksep: 36, edgesep: 14, marginx: 8, marginy: 8 });
  for (const { id, width, height } of boxes) graph.setNode(id, { width, height });
  for (const { from, to, label } of arrows) {
    graph.setEdge(from, to, { width: label.width, height: label.height, labelpos: 'c' });
  }
  layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  return {
    width,
    height,
    boxes: boxes.map((box) => ({ box, at: graph.node(box.id) })),
    arrows: arrows.map((arrow) => {
      const { x, y, points } = graph.edge(arrow.from, arrow.to);
      return { arrow, at: { x, y }, points };
    }),
  };
}
