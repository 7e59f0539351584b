import { parentPort, workerData } from 'node:worker_threads';
import { findBuilt } from '../tools/cli/find-question.ts';
import { diagramOf } from '../tools/show/deployed.ts';
import { diagramText } from '../tools/show/diagram.ts';
import type { Drawn } from './diagrams.ts';
import { svg } from './svg.ts';

const { slug } = workerData as { readonly slug: string };
const diagram = await diagramOf(findBuilt(slug));
parentPort!.postMessage({ svg: svg(diagram).text, text: `${diagramText(diagram)}\n` } satisfies Drawn);
