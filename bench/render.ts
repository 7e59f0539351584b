import type { Contestant, ContestResult, Standing } from './contest.ts';
import type { Recorded } from './record.ts';

const chartWidth = 50;

/** A contest as a table and a chart, in Markdown that a terminal shows as well. */
export function renderContest({ name, what, runs, standings, failed, skipped, memory, ids }: ContestResult): string {
  const header = ['', 'formulation', 'seconds', 'min-max', 'MB', 'times ours', 'bar'];
  const rows = [
    ...standings.map((one) => [
      one.name,
      one.formulation,
      one.seconds.toFixed(2),
      `${one.secondsMin.toFixed(2)}-${one.secondsMax.toFixed(2)}`,
      megabytes(one),
      one.ratio.toFixed(2),
      barText(one),
    ]),
    ...failed.map(({ name: who, why }) => [who, '', 'failed', '', '', '', why]),
  ];
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i >= 2 && i <= 5 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i >= 2 && i <= 5 ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`;
  return [
    `## ${name}: ${what}`,
    '',
    `Medians of ${runs} runs of each, in turns.`,
    '',
    line(header),
    rule,
    ...rows.map(line),
    '',
    '```',
    ...chart(standings),
    '```',
    ...(memory
      ? [
          '',
          `Memory and temporary files: ${mb(memory.bytes)} MB, the leanest peer ${mb(memory.leanestPeerBytes)} MB: ${verdict(memory.meets)}.`,
        ]
      : []),
    ...(ids === undefined ? [] : ['', perId(standings[0]!, ids)]),
    ...(skipped.length === 0 ? [] : ['', ...skipped.map((why) => `Skipped: ${why}.`)]),
    '',
  ].join('\n');
}

/**
 * The recorded contests of a bench as the README has them: a table each, and once for all that were measured alike, how
 * they were.
 */
export function renderNumbers({ contests }: Recorded): string {
  let measuredBefore = '';
  return contests
    .flatMap(({ name, what, runs, date, machine, standings, failed, skipped, memory, ids }) => {
      const measured = `Medians of ${runs} runs in turns, ${date}, ${machine}.`;
      const isAsBefore = measured === measuredBefore;
      measuredBefore = measured;
      const bars = (one: Standing, i: number): string =>
        [
          barText(one),
          ...(memory && i === 0
            ? [`at most the leanest peer’s ${mb(memory.leanestPeerBytes)} MB: ${verdict(memory.meets)}`]
            : []),
        ]
          .filter((text) => text !== '')
          .join('; ');
      return [
        ...(isAsBefore ? [] : [measured, '']),
        `\`${name}\`, ${what}:`,
        '',
        '| | seconds | MB | times ours | bar |',
        '|---|---:|---:|---:|---|',
        ...standings.map((one, i) =>
          row([one.name, one.seconds.toFixed(2), megabytes(one), one.ratio.toFixed(2), bars(one, i)]),
        ),
        ...failed.map(({ name: who, why }) => row([who, 'failed', '', '', why])),
        ...(ids === undefined ? [] : ['', perId(standings[0]!, ids)]),
        ...(skipped.length === 0 ? [] : ['', ...skipped.map((why) => `Skipped: ${why}.`)]),
        '',
      ];
    })
    .join('\n');
}

/** What we take for each ID, and what a thousand million would take at that rate. */
function perId({ seconds, memoryBytes, temporaryBytes }: Standing, ids: number): string {
  const minutes = (seconds / ids / 60) * 1e9;
  const gigabytes = temporaryBytes / ids;
  return (
    `Each signed ID takes ${((seconds / ids) * 1e6).toFixed(2)} µs, ${(memoryBytes / ids).toFixed(1)} bytes of memory and ` +
    `${(temporaryBytes / ids).toFixed(1)} bytes of temporary files; at that rate, a projection, 1 B would take ` +
    `${minutes.toFixed(0)} minutes${gigabytes < 1 ? '' : ` and ${gigabytes.toFixed(0)} GB of temporary files`}.`
  );
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** Bars as long as the medians. */
function chart(standings: readonly Standing[]): readonly string[] {
  const longest = Math.max(...standings.map(({ seconds }) => seconds));
  const nameWidth = Math.max(...standings.map(({ name }) => name.length));
  return standings.map(({ name, seconds }) => {
    const eighths = Math.max(1, Math.round((seconds / longest) * chartWidth * 8));
    const bar = '█'.repeat(eighths >> 3) + ' ▏▎▍▌▋▊▉'[eighths & 7]!.trim();
    return `${name.padEnd(nameWidth)} ${bar} ${seconds.toFixed(2)} s`;
  });
}

function barText({ bar, meets }: Standing): string {
  if (!bar) return '';
  return `${describe(bar)}: ${verdict(meets === true)}`;
}

function verdict(meets: boolean): string {
  return meets ? 'met' : 'BELOW THE BAR';
}

function describe(bar: NonNullable<Contestant['bar']>): string {
  return 'atLeast' in bar ? `${bar.atLeast}x ours` : `ours at most ${bar.atMost}x`;
}

function megabytes({ memoryBytes, temporaryBytes }: Standing): string {
  return temporaryBytes >= 1e6 ? `${mb(memoryBytes)} + ${mb(temporaryBytes)} on disk` : mb(memoryBytes);
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
