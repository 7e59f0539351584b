import type { Bar } from '../../lib/kit/proof.ts';
import type { FiredFaults } from './faults.ts';
import type { ProofResult, ProvenProperty } from './prove.ts';

/** The tables that a person reads: property, each variant's number, its bars, the tier; then the faults that fired. */
export function renderProof(result: ProofResult): string {
  const { slug, seed, scale, target, properties, disturbedBy, stopped = {}, pass } = result;
  const variants = Object.keys(properties[0]?.bars ?? {});
  const header = ['holds', 'point', 'property (unit)', ...variants, `bars: ${variants.join(', ')}`, 'tier'];
  const rows = properties.map((property) => [
    verdict(property),
    property.points.join(', '),
    `${property.name} (${property.unit})`,
    ...variants.map((variant) => number(property.measured[variant])),
    variants.map((variant) => barText(property.bars[variant]!)).join(', '),
    property.tier,
  ]);
  const conditions = `seed ${seed}, scale ${scale}, on the ${target}${disturbedBy === undefined ? '' : `, under ${disturbedBy}`}`;
  return [
    `${slug}: ${pass ? 'every property holds' : 'NOT every property holds'} (${conditions})`,
    '',
    ...table(header, rows, (column) => column >= 3 && column < 3 + variants.length),
    ...(disturbedBy === undefined
      ? []
      : ['', 'Faults struck everywhere, so that only the bars of the improved variant decide.']),
    ...properties.flatMap(({ name, changedByFaults }) =>
      changedByFaults === undefined ? [] : [`Not judged: ${name}: ${changedByFaults}.`],
    ),
    ...Object.entries(stopped).map(([variant, why]) => `The workload of ${variant} stopped: ${why}`),
    ...faultTables(result),
    ...grantTable(result),
    '',
  ].join('\n');
}

function verdict({ judged, pass }: ProvenProperty): string {
  if (judged?.length === 0) return '-';
  return pass ? 'yes' : 'NO';
}

function faultTables({ faults, disturbedBy, wire }: ProofResult): readonly string[] {
  const fired = Object.entries(faults).flatMap(([variant, list]) => list.map((fault) => ({ variant, ...fault })));
  const rows = fired.map(({ variant, function: name, armedBy, kind, error, call, hits }) => [
    variant,
    name,
    armedBy === 'proof' ? 'the proof' : (disturbedBy ?? ''),
    error === undefined ? kind : `${kind}: ${error}`,
    call,
    number(hits),
  ]);
  const header = ['variant', 'function', 'armed by', 'fault', 'at the call', 'hits'];
  const sums = Object.entries(faults).map(([variant, list]) => {
    const sum = (by: FiredFaults['armedBy']) =>
      number(list.reduce((hits, fault) => (fault.armedBy === by ? hits + fault.hits : hits), 0));
    return `${variant} ${sum('proof')} by the proof${disturbedBy === undefined || wire !== undefined ? '' : ` and ${sum('background')} by ${disturbedBy}`}`;
  });
  const wireRows = (wire ?? []).map(({ service, operation, fault, hits }) => [service, operation, fault, number(hits)]);
  return [
    ...(rows.length === 0 && disturbedBy === undefined ? [] : ['', `Faults that fired: ${sums.join(', ')}.`]),
    ...(rows.length === 0 ? [] : ['', ...table(header, rows, (column) => column === 5)]),
    ...(wire === undefined ? [] : ['', `Faults on the wire that fired, of all variants together:`]),
    ...(wire === undefined
      ? []
      : ['', ...table(['service', 'operation', 'fault', 'hits'], wireRows, (column) => column === 3)]),
  ];
}

function grantTable({ unused }: ProofResult): readonly string[] {
  const rows = Object.entries(unused).flatMap(([variant, functions]) =>
    functions.flatMap(({ function: name, actions }) =>
      actions.map(({ action, resource = '*', reason }) => [
        variant,
        name,
        action,
        resource,
        reason ?? 'NO REASON: take the grant away',
      ]),
    ),
  );
  if (rows.length === 0) return [];
  const header = ['variant', 'function', 'action', 'on', 'granted because'];
  return ['', 'Granted, and needed by no call of this run:', '', ...table(header, rows, () => false)];
}

function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  isNumber: (column: number) => boolean,
): readonly string[] {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => (isNumber(column) ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`;
  return [line(header), rule, ...rows.map(line)];
}

function barText(bar: Bar): string {
  if ('exactly' in bar) return `= ${number(bar.exactly)}`;
  if ('above' in bar) return `> ${number(bar.above)}`;
  if ('below' in bar) return `< ${number(bar.below)}`;
  if ('atLeast' in bar) return `>= ${number(bar.atLeast)}`;
  if ('atMost' in bar) return `<= ${number(bar.atMost)}`;
  return 'any';
}

/** Nothing was measured where a workload stopped. */
function number(value: number | undefined): string {
  if (value === undefined) return 'stopped';
  return Number.isInteger(value)
    ? value.toLocaleString('en-US')
    : value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}
