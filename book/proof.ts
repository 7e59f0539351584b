import type { Tier } from '../lib/kit/proof.ts';
import type { ProofResult, ProvenProperty } from '../tools/prove/prove.ts';
import { barText, faultTable, grantTable, measuredText, type Table } from '../tools/prove/render.ts';
import { type Markup, markup } from './markup.ts';
import { scrolling } from './layout.ts';

const tiers: Readonly<Record<Tier, string>> = {
  synth: 'read off the templates',
  emulator:
    'measured on the deployed handlers, on an emulator that enforces their roles: it shows that our handlers are ' +
    'right, not that DynamoDB or SQS is',
  model: 'a seeded simulation of what an emulator cannot show',
  bench: 'run side by side, at the same time',
};

/** Where the property's row is, for links from its points. */
export function propertyId(properties: readonly ProvenProperty[], name: string): string | undefined {
  const index = properties.findIndex((property) => property.name === name);
  return index === -1 ? undefined : `property-${index + 1}`;
}

/** What the recorded run measured, and in what conditions. */
export function proofSection(record: ProofResult): Markup {
  const { slug, seed, scale, target, properties, pass } = record;
  const used = (Object.keys(tiers) as Tier[]).filter((tier) => properties.some((property) => property.tier === tier));
  return markup`<p>
      ${pass ? 'Every property holds' : 'Not every property holds'}: seed ${seed}, scale ${scale}, on the ${target}.
      Under each number stands its bar: what the improved design is held to, and what goes wrong without its decisions.
      Again: <code>npx designs prove ${slug}</code>
    </p>
    ${scrolling('Measured properties', propertyTable(properties))}
    <dl class="tiers">
      ${used.map(
        (tier) =>
          markup`<div>
            <dt>${tier}</dt>
            <dd>${tiers[tier]}</dd>
          </div>`,
      )}
    </dl>
    ${folded('Injected faults that fired', faultTable(record))}
    ${folded('Granted, and needed by no call of the run', grantTable(record))}`;
}

function propertyTable(properties: readonly ProvenProperty[]): Markup {
  const variants = Object.keys(properties[0]?.bars ?? {});
  return markup`<table>
    <thead>
      <tr>
        <th scope="col">property</th>
        <th scope="col">unit</th>
        ${variants.map((variant) => markup`<th scope="col" class="figure">${variant}</th>`)}
        <th scope="col">holds</th>
        <th scope="col">tier</th>
        <th scope="col">points</th>
      </tr>
    </thead>
    <tbody>
      ${properties.map(
        ({ name, unit, points, tier, bars, measured, pass }) =>
          markup`<tr id="${propertyId(properties, name)}">
            <th scope="row">${name}</th>
            <td>${unit}</td>
            ${variants.map(
              (variant) =>
                markup`<td class="figure">
                  ${measuredText(measured[variant])}<small>${barText(bars[variant]!)}</small>
                </td>`,
            )}
            <td>${pass ? 'yes' : 'NO'}</td>
            <td>${tier}</td>
            <td>${points.map((n, index) => markup`${index === 0 ? '' : ', '}<a href="#point-${n}">${n}</a>`)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

function folded(title: string, { header, rows, numbers }: Table): Markup | undefined {
  if (rows.length === 0) return undefined;
  const figure = (column: number) => (numbers.includes(column) ? markup` class="figure"` : undefined);
  const table = markup`<table>
    <thead>
      <tr>
        ${header.map((name, column) => markup`<th scope="col" ${figure(column)}>${name}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (row) =>
          markup`<tr>
            ${row.map((cell, column) => markup`<td${figure(column)}>${cell}</td>`)}
          </tr>`,
      )}
    </tbody>
  </table>`;
  return markup`<details>
    <summary>${title} (${rows.length})</summary>
    ${scrolling(title, table)}
  </details>`;
}
