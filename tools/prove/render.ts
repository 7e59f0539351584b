import type { Bar } from '../../lib/kit/proof.ts';
import type { ProofResult } from './prove.ts';

/** The table that a person reads: property, each variant's number, its bars, the tier. */
export function renderProof({ slug, seed, scale, target, properties, faults, pass }: ProofResult): string {
  const variants = Object.keys(properties[0]?.measured ?? {});
  const rows = properties.map(({ name, unit, bars, measured, tier, points, pass: met }) => [
    met ? 'yes' : 'NO',
    points.join(', '),
    `${name} (${unit})`,
    ...variants.map((variant) => number(measured[variant]!)),
    variants.map((variant) => barText(bars[variant]!)).join(', '),
    tier,
  ]);
  const header = ['holds', 'point', 'property (unit)', ...variants, `bars: ${variants.join(', ')}`, 'tier'];
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join(' | ')} |`;
  const isNumber = (column: number) => column >= 3 && column < 3 + variants.length;
  const rule = `|${widths.map((width, column) => (isNumber(column) ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`;
  const fired = Object.entries(faults).flatMap(([variant, list]) => list.map((fault) => `- ${variant}: ${fault}`));
  return [
    `${slug}: ${pass ? 'every property holds' : 'NOT every property holds'} (seed ${seed}, scale ${scale}, on the ${target})`,
    '',
    line(header),
    rule,
    ...rows.map(line),
    ...(fired.length === 0 ? [] : ['', 'Faults that fired:', ...fired]),
    '',
  ].join('\n');
}

function barText(bar: Bar): string {
  if ('exactly' in bar) return `= ${number(bar.exactly)}`;
  if ('above' in bar) return `> ${number(bar.above)}`;
  if ('below' in bar) return `< ${number(bar.below)}`;
  if ('atLeast' in bar) return `>= ${number(bar.atLeast)}`;
  if ('atMost' in bar) return `<= ${number(bar.atMost)}`;
  return 'any';
}

function number(value: number): string {
  return Number.isInteger(value)
    ? value.toLocaleString('en-US')
    : value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}
