import type { Bar } from '../../lib/kit/proof.ts';
import type { FiredFaults } from './faults.ts';
import type { ProofResult, ProvenProperty } from './prove.ts';

export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns, from 0, that hold numbers. */
  readonly numbers: readonly number[];
}

/** The tables that a person reads: property, each variant's number, its bars, the tier; then the faults that fired. */
export function renderProof(result: ProofResult): string {
  const { slug, seed, scale, target, properties, disturbedBy, stopped = {}, pass } = result;
  const variants = Object.keys(properties[0]?.bars ?? {});
  const header = ['holds', 'point', 'property (unit)', ...variants, `bars: ${variants.join(', ')}`, 'tier'];
  const rows = properties.map((property) => [
    verdict(property),
    property.points.join(', '),
    `${property.name} (${property.unit})`,
    ...variants.map((variant) => measuredText(property.measured[variant])),
    variants.map((variant) => barText(property.bars[variant]!)).join(', '),
    property.tier,
  ]);
  const conditions = `seed ${seed}, scale ${scale}, on the ${target}${disturbedBy === undefined ? '' : `, under ${disturbedBy}`}`;
  return [
    `${slug}: ${pass ? 'every property holds' : 'NOT every property holds'} (${conditions})`,
    '',
    ...lines({ header, rows, numbers: variants.map((_, index) => 3 + index) }),
    ...(disturbedBy === undefined
      ? []
      : ['', 'Faults struck everywhere, so that only the bars of the improved variant decide.']),
    ...properties.flatMap(({ name, changedByFaults }) =>
      changedByFaults === undefined ? [] : [`Not judged: ${name}: ${changedByFaults}.`],
    ),
    ...Object.entries(stopped).map(([variant, why]) => `The workload of ${variant} stopped: ${why}`),
    ...faultLines(result),
    ...grantLines(result),
    '',
  ].join('\n');
}

function verdict({ judged, pass }: ProvenProperty): string {
  if (judged?.length === 0) return '-';
  return pass ? 'yes' : 'NO';
}

/** Injected faults that fired: none are rows of none. */
export function faultTable({ faults, disturbedBy }: ProofResult): Table {
  return {
    header: ['variant', 'function', 'armed by', 'fault', 'at the call', 'hits'],
    rows: Object.entries(faults).flatMap(([variant, fired]) =>
      fired.map(({ function: name, armedBy, kind, error, call, hits }) => [
        variant,
        name,
        armedBy === 'proof' ? 'the proof' : (disturbedBy ?? ''),
        error === undefined ? kind : `${kind}: ${error}`,
        call,
        measuredText(hits),
      ]),
    ),
    numbers: [5],
  };
}

function faultLines(result: ProofResult): readonly string[] {
  const { faults, disturbedBy, wire } = result;
  const fired = faultTable(result);
  const sums = Object.entries(faults).map(([variant, list]) => {
    const sum = (by: FiredFaults['armedBy']) =>
      measuredText(list.reduce((hits, fault) => (fault.armedBy === by ? hits + fault.hits : hits), 0));
    return `${variant} ${sum('proof')} by the proof${disturbedBy === undefined || wire !== undefined ? '' : ` and ${sum('background')} by ${disturbedBy}`}`;
  });
  const onWire = (wire ?? []).map(({ service, operation, fault, hits }) => [
    service,
    operation,
    fault,
    measuredText(hits),
  ]);
  return [
    ...(fired.rows.length === 0 && disturbedBy === undefined ? [] : ['', `Faults that fired: ${sums.join(', ')}.`]),
    ...(fired.rows.length === 0 ? [] : ['', ...lines(fired)]),
    ...(wire === undefined ? [] : ['', `Faults on the wire that fired, of all variants together:`]),
    ...(wire === undefined
      ? []
      : ['', ...lines({ header: ['service', 'operation', 'fault', 'hits'], rows: onWire, numbers: [3] })]),
  ];
}

/** Grants that no call of the run needed: none are rows of none. */
export function grantTable({ unused }: ProofResult): Table {
  return {
    header: ['variant', 'function', 'action', 'on', 'granted because'],
    rows: Object.entries(unused).flatMap(([variant, functions]) =>
      functions.flatMap(({ function: name, actions }) =>
        actions.map(({ action, resource = '*', reason }) => [
          variant,
          name,
          action,
          resource,
          reason ?? 'NO REASON: take the grant away',
        ]),
      ),
    ),
    numbers: [],
  };
}

function grantLines(result: ProofResult): readonly string[] {
  const table = grantTable(result);
  return table.rows.length === 0 ? [] : ['', 'Granted, and needed by no call of this run:', '', ...lines(table)];
}

function lines({ header, rows, numbers }: Table): readonly string[] {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const isNumber = (column: number) => numbers.includes(column);
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => (isNumber(column) ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`;
  return [line(header), rule, ...rows.map(line)];
}

export function barText(bar: Bar): string {
  if ('exactly' in bar) return `= ${measuredText(bar.exactly)}`;
  if ('above' in bar) return `> ${measuredText(bar.above)}`;
  if ('below' in bar) return `< ${measuredText(bar.below)}`;
  if ('atLeast' in bar) return `>= ${measuredText(bar.atLeast)}`;
  if ('atMost' in bar) return `<= ${measuredText(bar.atMost)}`;
  return 'any';
}

/** Nothing was measured where a workload stopped. */
export function measuredText(value: number | undefined): string {
  if (value === undefined) return 'stopped';
  return Number.isInteger(value)
    ? value.toLocaleString('en-US')
    : value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}
