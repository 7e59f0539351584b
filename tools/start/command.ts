import { defineCommand } from 'citty';
import { operator, type MapProgress } from '../../clients/missing-notifications/operator.ts';
import { makeWorld } from '../../clients/missing-notifications/servers.ts';
import type { AwsConfig } from '../../lib/kit/proof.ts';
import { RunError, UsageError } from '../cli/errors.ts';
import { deploy } from '../deploy/deploy.ts';
import { destroyStacks } from '../deploy/destroy.ts';
import { placeArguments, withPlace } from '../deploy/place.ts';
import { number } from '../io/words.ts';

const slug = 'missing-notifications';
const documentsMax = 1_000_000;

export const command = defineCommand({
  meta: {
    name: 'start',
    description: 'finds the missing notifications of 500 generated servers, from an empty machine to the report',
  },
  args: {
    documents: {
      type: 'string',
      description: 'documents signed in the window',
      valueHint: 'number',
      default: '100000',
    },
    seed: { type: 'string', description: 'repeats a run', valueHint: 'number', default: '1' },
    ...placeArguments,
  },
  run: async ({ args }) => {
    const documents = wholeNumber('documents', args.documents, 1, documentsMax);
    const seed = wholeNumber('seed', args.seed, 0, 2 ** 32 - 1);
    await withPlace(args, note, (aws) => reconcile(aws, documents, seed));
    console.log(whatNext);
  },
});

async function reconcile(aws: AwsConfig, documents: number, seed: number): Promise<void> {
  const variant = 'improved';
  const run = 'start';
  note(`deploying ${slug}, the improved design`);
  const deployed = await deploy({ slug, variants: [variant], aws, run, schedules: false });
  const { outputs, stackNames } = deployed[variant]!;
  try {
    note(`making ${number(documents)} signed documents and the logs of 500 servers (seed ${seed})`);
    const world = makeWorld({ seed, documents });
    const logBytes = world.logs.reduce((sum, { body }) => sum + body.length, 0);
    const desk = operator({ aws, outputs });
    note(
      `storing ${number(world.documents.length)} documents and ${number(world.logs.length)} log files, ${megabytes(logBytes)}`,
    );
    await Promise.all([desk.storeDocuments(world), desk.storeServers(world), desk.storeLogs(world.logs)]);

    note('running the state machine: plan, extract, choose, verify, subtract, report');
    const window = { from: new Date(world.fromMs).toISOString(), to: new Date(world.toMs).toISOString() };
    const startMs = performance.now();
    const progress = progressLine(startMs, logBytes);
    // One worker would do: the maps are what there is to see.
    const result = await desk.run('start', { ...window, mode: 'shuffle' }, progress.show);
    progress.end();
    if (result.output === undefined) throw new RunError(`the run failed: ${result.error}`);
    note(`the run took ${seconds(performance.now() - startMs)}; waiting until every missed document is notified`);
    await desk.settle();
    const sends = await desk.sends();
    console.log(`\n${result.output.line}\n`);
    console.log(JSON.stringify({ ...result.output, line: undefined }, undefined, 2));

    const missed = new Set(world.missed);
    const wrong = [...sends.keys()].filter((id) => !missed.has(id)).length;
    const unsent = world.missed.filter((id) => !sends.has(id)).length;
    const twice = [...sends.values()].filter((times) => times > 1).length;
    console.log(
      `\ncheck against what the generator knows: ${number(world.missed.length)} were missed; ` +
        `${number(unsent)} of them not notified, ${number(wrong)} others notified, ${number(twice)} notified twice`,
    );
    if (wrong + unsent + twice > 0 || result.output.missed !== world.missed.length) {
      throw new RunError(
        `the answer is not exact: repeat it with --documents ${documents} --seed ${seed}, and report it`,
      );
    }
  } finally {
    await destroyStacks(Object.values(stackNames), aws, () => {});
  }
}

/** Units done and the speed of reading so far: redrawn on a terminal, a line for each tenth elsewhere. */
function progressLine(startMs: number, logBytes: number) {
  let shown = -1;
  return {
    show({ done, total }: MapProgress): void {
      if (total === 0) return;
      const rate = logBytes / 2 ** 20 / ((performance.now() - startMs) / 1000);
      const text = `${done} of ${total} units done, ${rate.toFixed(1)} MB/s of logs so far`;
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K  ${text}`);
      else if (Math.floor((done * 10) / total) > shown) note(`  ${text}`);
      shown = Math.max(shown, Math.floor((done * 10) / total));
    },
    end(): void {
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    },
  };
}

const whatNext = `
what to try next:
  npx designs diff ${slug}        why the improved design is as it is
  npx designs prove ${slug}       both designs under the same workload, crashes included
  npx designs missing --help                the same job on files of your own
  npx designs list                          all the questions`;

const startedMs = performance.now();

function note(text: string): void {
  console.error(`${seconds(performance.now() - startedMs).padStart(7)}  ${text}`);
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new UsageError(`--${name} ${text} is no whole number from ${number(min)} to ${number(max)}: give one`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
