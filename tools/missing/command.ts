import { defineCommand, type ArgsDef } from 'citty';

import { valuesOf } from '../cli/arguments.ts';
import { UsageError } from '../cli/errors.ts';
import { findMissing, type MissingReport } from './find.ts';
import { serveUntilStopped } from '../io/loopback.ts';
import { checkOut, writeStream, writeWhole } from '../io/output.ts';
import { parseMemory } from './memory.ts';
import { count, number, progressLine } from '../io/words.ts';

const definitions = {
  signed: {
    type: 'string',
    valueHint: 'FILE|-',
    description: 'signed IDs, one a line; - reads standard input',
  },
  column: { type: 'string', valueHint: 'NAME', description: 'the signed file is CSV with a header row: its ID column' },
  field: { type: 'string', valueHint: 'NAME', description: 'the signed file is NDJSON: its ID field, such as doc.id' },
  logs: {
    type: 'string',
    valueHint: 'GLOB…',
    description: 'files, directories, globs, as many as you like: plain, gzip or zstd, recognised by their content',
  },
  pattern: {
    type: 'string',
    valueHint: 'RE',
    description:
      "regular expression on each line's bytes as Latin-1, its first group is the ID; " +
      'by default notification.sent … doc=<id>, the ID a whole token',
  },
  expect: {
    type: 'string',
    valueHint: 'FILE|N',
    description:
      'servers that must have a log: a file of names, or how many. A log belongs to the directory under the root of ' +
      "the logs (logs/<server>/2026/11/23/app.log) or, when logs lie flat, to its file's name up to the first dot",
  },
  'allow-partial': { type: 'boolean', description: 'go on without missing or unreadable logs, and say so' },
  'ignore-case': { type: 'boolean', description: 'IDs that differ only by ASCII case are equal' },
  memory: {
    type: 'string',
    valueHint: 'SIZE',
    description: 'make do with so much, such as 2GB: what exceeds it goes to temporary files; 1.5GiB when absent',
  },
  out: { type: 'string', valueHint: 'FILE', description: 'write missed IDs to this file, not to standard output' },
  sort: { type: 'boolean', description: 'byte order; without it, an order that is the same for the same input' },
  json: { type: 'boolean', description: 'print counts as JSON; IDs then go only to --out' },
  browser: { type: 'boolean', description: 'do it in a browser instead: serves a page on this machine, until Ctrl-C' },
} as const satisfies ArgsDef;

export const command = defineCommand({
  meta: { name: 'missing', description: 'signed documents whose notification no log confirms: A - B on local files' },
  args: definitions,
  async run({ args, rawArgs }) {
    if (args.browser === true) return await serveInBrowser(rawArgs);
    const { signed, column, field, pattern, expect, out } = args;
    if (signed === undefined) throw new UsageError(`--signed is missing: give it (${definitions.signed.description})`);
    // What stands alone is a further log: a glob that the shell expanded.
    const logs = [...valuesOf(rawArgs, definitions, 'logs'), ...args._];
    if (logs.length === 0) throw new UsageError(`--logs is missing: give it (${definitions.logs.description})`);
    if (out !== undefined) await checkOut(out);
    const progress = process.stderr.isTTY ? progressLine() : undefined;
    const result = await findMissing({
      signed,
      logs,
      allowPartial: args['allow-partial'] === true,
      ignoreCase: args['ignore-case'] === true,
      ...(column === undefined ? {} : { column }),
      ...(field === undefined ? {} : { field }),
      ...(pattern === undefined ? {} : { pattern }),
      ...(args.memory === undefined ? {} : { memoryBytes: parseMemory(args.memory) }),
      ...(expect === undefined ? {} : { expect }),
      ...(progress
        ? { onProgress: ({ logsDone, logs, bytes }) => progress.show(`${logsDone} of ${logs} logs`, bytes) }
        : {}),
    }).finally(() => progress?.clear());
    const lines = result.lines(args.sort === true ? 'bytes' : 'any');
    try {
      if (out !== undefined) await writeWhole(out, lines);
      else if (args.json !== true) await writeStream(process.stdout, lines);
    } finally {
      result.close();
    }
    if (args.json === true) await writeStream(process.stdout, [Buffer.from(`${JSON.stringify(result.report)}\n`)]);
    if (result.missedByCase > 0) {
      process.stderr.write(
        `warning: ${count(result.missedByCase, 'missed ID')} would match if case were ignored: use --ignore-case\n`,
      );
    }
    process.stderr.write(`${summary(result.report)}\n`);
    return undefined;
  },
});

async function serveInBrowser(rawArgs: readonly string[]): Promise<void> {
  if (rawArgs.length > 1) throw new UsageError('--browser takes no other option: files are chosen on the page');
  const { servePage } = await import('./browser.ts');
  const page = await servePage();
  process.stderr.write(`open ${page.url} in a browser; the files that you choose there stay on this machine\n`);
  await serveUntilStopped(page);
}

/** The result as a line that a person reads. */
function summary(report: MissingReport): string {
  const notes = [
    `${count(report.lines, 'line')} in ${count(report.logs, 'log')}`,
    count(report.matched, 'success', 'successes'),
    ...(report.duplicates > 0 ? [count(report.duplicates, 'duplicate')] : []),
    ...(report.unreadableLines > 0 ? [count(report.unreadableLines, 'unreadable line')] : []),
  ];
  const shown = report.missingLogs.slice(0, 20).join(', ');
  const more = report.missingLogs.length > 20 ? ` and ${report.missingLogs.length - 20} more` : '';
  const partial = report.complete ? '' : `; PARTIAL, without the logs of ${shown}${more}`;
  return `${number(report.missed)} of ${count(report.signed, 'signed document')} missed (${notes.join(', ')})${partial}`;
}
