import { prices } from '../../engines/estimate/prices.ts';
import type { CostDifference } from './cost-difference.ts';
import type { Action, Change } from './changes.ts';
import { changesOf, type DiffInput, diffModel, type DiffModel, type Reason } from './model.ts';
import type { Plain } from './plain.ts';
import { type Detail, ownId } from './values.ts';

const lineMax = 100;

/** The diff of two variants as Markdown, to be read on a page and in a terminal alike. Pure: the same text every time. */
export function renderDiff(input: DiffInput): string {
  return renderModel(diffModel(input));
}

export function renderModel(model: DiffModel): string {
  const shown = new Map<string, string>();
  const changeText = (change: Change) => changeBlock(change, shown);
  const renames = model.rest.filter(({ action }) => action === 'renamed');
  const rest = model.rest.filter(({ action }) => action !== 'renamed');
  const sections = [
    `# ${model.title}: from ${model.from} to ${model.to}`,
    summary(model),
    ...model.points.flatMap(({ n, text, answer, reasons }) => [
      `## ${n}. ${text}`,
      ...(answer === '' ? [] : [answer]),
      ...(reasons.length === 0
        ? ['No resource changes for this point.']
        : reasons.flatMap((reason) => reasonText(reason, changeText))),
    ]),
    ...(rest.length === 0 ? [] : ['## The rest', 'Changes that bear no answer to a point.']),
    ...rest.flatMap(changeText),
    ...(renames.length === 0 ? [] : ['## Only renamed', renames.map(renameText).join('\n')]),
    `## Cost per month`,
    ...costText(model),
  ];
  return `${sections.join('\n\n')}\n`;
}

function summary(model: DiffModel): string {
  const counts = new Map<Action, number>();
  for (const { action } of changesOf(model)) counts.set(action, (counts.get(action) ?? 0) + 1);
  if (counts.size === 0) return `The stacks of ${model.from} and ${model.to} are the same.`;
  const order: readonly Action[] = ['replaced', 'may be replaced', 'removed', 'released', 'new', 'changed', 'renamed'];
  return `${order.flatMap((action) => (counts.has(action) ? [`${counts.get(action)} ${action}`] : [])).join(', ')}.`;
}

// --- points

function reasonText(
  { path, stack, why, changes, shownUnder }: Reason,
  changeText: (change: Change) => readonly string[],
): readonly string[] {
  const bearer = path === '' ? 'the whole stack' : code(path);
  const where = `${bearer}${stackText(stack)}`;
  const note =
    shownUnder !== undefined
      ? [`Its changes are shown under point ${shownUnder}.`]
      : changes.length === 0
        ? ['Nothing in it changes.']
        : [];
  return [`> ${oneLine(why)}\n> — ${where}`, ...note, ...changes.flatMap(changeText)];
}

// --- changes

/** `shown` remembers what was told, so that the fifth log group of the same kind is not told again. */
function changeBlock(change: Change, shown: Map<string, string>): readonly string[] {
  const lines = linesOfDetails(change);
  const like = change.action === 'new' ? alike(change, shown) : undefined;
  if (like !== undefined) return [headline(change, `, like ${like}`)];
  return [headline(change), ...(lines.length === 0 ? [] : [`\`\`\`diff\n${lines.join('\n')}\n\`\`\``])];
}

/** What the same new thing in another construct was shown as; remembers this one otherwise. */
function alike(change: Change, shown: Map<string, string>): string | undefined {
  const [owner = ''] = change.path.split('/');
  // Only the owner's name may differ, and only where it is a reference and not a word of a text.
  const name = owner.replaceAll(/[^\w/]/g, '\\$&');
  const reference = new RegExp(`(?<=\\$\\{|(?:allow|deny|on) |, )${name}(?=[/:.},"\\s])`, 'g');
  const anonymous = JSON.stringify(change.details).replaceAll(reference, 'it');
  const key = JSON.stringify([change.what, change.path.slice(owner.length), anonymous]);
  const before = shown.get(key);
  if (before === undefined) shown.set(key, `${code(change.path)}${stackText(change.stack)}`);
  return before;
}

const actionWords: Readonly<Record<Action, string>> = {
  new: 'New',
  removed: 'Removed',
  released: 'Left behind',
  replaced: 'Replaced',
  'may be replaced': 'May be replaced',
  changed: 'Changed',
  renamed: 'Renamed',
};

function headline(change: Change, like = ''): string {
  const { action, path, stack, what, because } = change;
  const cause = because.length === 0 ? '' : `, because of ${because.map(displayCause).join(', ')}`;
  return `**${actionWords[action]}:** ${code(path)}${stackText(stack)}, ${what}${cause}${like}.${lossText(change)}`;
}

function displayCause(cause: string): string {
  return cause.includes(' ') ? cause : code(cause);
}

function lossText({ action, stateful }: Change): string {
  if (action === 'released') return ' The stack lets go of it and its data stays, outside of any stack.';
  if (!stateful) return '';
  if (action === 'removed') return ' **It holds data, which goes with it.**';
  if (action === 'replaced') return ' **It holds data, which does not move to the new one.**';
  return action === 'may be replaced' ? ' **It holds data, which would not move to the new one.**' : '';
}

function renameText({ path, pathBefore = '', stack, what, stateful, mentions }: Change): string {
  const warning = stateful ? ' **It holds data: renamed in a deployed stack, it would be replaced.**' : '';
  const places = mentions.length === 0 ? '' : ` Mentioned under its new name in ${mentions.map(code).join(', ')}.`;
  return `- ${code(pathBefore)} is now ${code(path)}${stackText(stack)}, ${what}.${warning}${places}`;
}

function stackText(role: string): string {
  return role === 'main' ? '' : ` (stack ${role})`;
}

function linesOfDetails({ action, details }: Change): readonly string[] {
  // CDK names a policy by its id: for one that comes or goes that says nothing.
  const whole = action === 'new' || action === 'removed' || action === 'released';
  const telling = whole ? details.filter(({ before, after }) => before !== ownId && after !== ownId) : details;
  return merged(telling).flatMap(({ path, before, after, text }) => [
    ...(text === undefined ? [] : [`! ${path === '' ? '' : `${path}: `}${visible(text)}`]),
    ...(before === undefined ? [] : entryLines(path, before).map((line) => `- ${line}`)),
    ...(after === undefined ? [] : entryLines(path, after).map((line) => `+ ${line}`)),
  ]);
}

/** Entries in a row that say the same are said once: a resource's two deletion policies always do. */
function merged(details: readonly Detail[]): readonly Detail[] {
  const result: Detail[] = [];
  for (const detail of details) {
    const previous = result.at(-1);
    const alike =
      previous !== undefined && JSON.stringify({ ...previous, path: '' }) === JSON.stringify({ ...detail, path: '' });
    if (alike && detail.path.endsWith('Policy'))
      result[result.length - 1] = { ...previous, path: `${previous.path}, ${detail.path}` };
    else result.push(detail);
  }
  return result;
}

// --- values, in the manner of YAML

/** `key: value`, on as few lines as stay readable. */
function entryLines(key: string, value: Plain): readonly string[] {
  if (isPolicy(key, value)) return [value].flat().flatMap((statement) => statementLines(String(statement)));
  const short = inline(value, key);
  const prefix = key === '' ? '' : `${key}: `;
  if (short !== undefined && prefix.length + short.length <= lineMax) return [`${prefix}${short}`];
  if (typeof value === 'string') return textLines(key, value);
  if (typeof value !== 'object' || value === null) return [`${prefix}${String(short)}`];
  if (key === '') return blockLines(value);
  if (!isList(value)) {
    const [[only, inside] = ['', null], ...others] = Object.entries(value);
    if (others.length === 0) return entryLines(`${key}.${only}`, inside);
  }
  return [`${key}:`, ...blockLines(value).map(indented)];
}

function blockLines(value: readonly Plain[] | { readonly [key: string]: Plain }): readonly string[] {
  if (!isList(value)) return Object.entries(value).flatMap(([key, item]) => entryLines(keyText(key), item));
  return value.flatMap((item) => {
    const lines = entryLines('', item);
    return lines.map((line, i) => (i === 0 ? `- ${line}` : indented(line)));
  });
}

/** The value on one line; undefined for one that reads better on several. */
function inline(value: Plain, key = ''): string | undefined {
  if (typeof value === 'string') return value.includes('\n') ? undefined : scalarText(value);
  if (typeof value === 'number') return `${value}${durationText(key, value)}`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (isList(value)) {
    const items = value.map((item) => inline(item));
    return items.every((item) => item !== undefined) ? `[${items.join(', ')}]` : undefined;
  }
  const items = Object.entries(value).map(([key, item]) => [keyText(key), inline(item, key)] as const);
  if (items.some(([, item]) => item === undefined) || items.length > 3) return undefined;
  return `{${items.map(([key, item]) => `${key}: ${item}`).join(', ')}}`;
}

/** Properties of Lambda, SQS and CloudWatch that count seconds, and whatever says so in its name. */
const inSeconds = /(^|\.)(Timeout|VisibilityTimeout|MessageRetentionPeriod|Period|TimeoutSeconds|\w+InSeconds)$/;

/** ` (15 minutes)` after 900 seconds. */
function durationText(key: string, value: number): string {
  if (!inSeconds.test(key)) return '';
  const [unit, seconds] = (
    [
      ['day', 86_400],
      ['hour', 3600],
      ['minute', 60],
    ] as const
  ).find(([, size]) => value % size === 0) ?? ['', 0];
  const amount = value / seconds;
  return value < 60 || seconds === 0 ? '' : ` (${amount} ${unit}${amount === 1 ? '' : 's'})`;
}

function textLines(key: string, text: string): readonly string[] {
  const parts = text.split('\n').map((line) => (line === '' ? '' : visible(line)));
  if (parts.length === 1) return [`${key === '' ? '' : `${key}: `}${scalarText(text)}`];
  return [`${key === '' ? '' : `${key}: `}|`, ...parts.map(indented)];
}

/** A text that could be taken for a number, a list or nothing stands in quotes. */
function scalarText(text: string): string {
  const plain = /^[^\s"'[\]{},|>#&*!?-]/.test(text) || text.startsWith('${') || /^[-*][^\s]/.test(text) || text === '*';
  const ambiguous =
    /^(true|false|null|[-+]?[\d.]+(e[-+]?\d+)?)$/i.test(text) || /\s$/.test(text) || /[\n\r]/.test(text);
  return plain && !ambiguous ? visible(text) : JSON.stringify(text);
}

/** Control characters as escapes: the output holds none, whatever a template holds. */
function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function keyText(key: string): string {
  return /^[\w$./*-][^:\n]*$/.test(key) ? visible(key) : JSON.stringify(key);
}

function indented(line: string): string {
  return `  ${line}`;
}

function isList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value);
}

/** Statements speak for themselves, without the path that leads to them. */
function isPolicy(key: string, value: Plain): boolean {
  if (!/(Document|Statement\[\d+\]|Policy)$/.test(key)) return false;
  const statements = [value].flat();
  return (
    statements.length > 0 && statements.every((item) => typeof item === 'string' && /^(allow|deny) [^\n]*: /.test(item))
  );
}

function statementLines(statement: string): readonly string[] {
  if (statement.length <= lineMax) return [visible(statement)];
  return visible(statement)
    .replace(/: /, ':\n')
    .replaceAll(/ (on|when) /g, '\n$1 ')
    .split('\n')
    .flatMap((line, i) => (i === 0 ? [line] : wrapped(line).map(indented)));
}

/** Breaks a list after a comma where the line would grow too long. */
function wrapped(line: string): readonly string[] {
  const lines: string[] = [];
  for (const item of line.split(/(?<=,) /)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + item.length < lineMax) lines[lines.length - 1] = `${last} ${item}`;
    else lines.push(last === undefined ? item : indented(item));
  }
  return lines;
}

// --- cost

function costText({ cost, from, to }: DiffModel): readonly string[] {
  if (cost.lines.length === 0) return ['No resource says what it uses, so there is nothing to price.'];
  const rows = [
    ...cost.services.map(({ service, ...usd }) => ({ name: service, ...usd })),
    { name: '**Sum**', fromUsd: cost.fromUsd, toUsd: cost.toUsd, differenceUsd: cost.differenceUsd },
  ];
  return [
    `At ${loadText(cost)}:`,
    table(
      ['', from, to, 'difference'],
      rows.map(({ name, fromUsd, toUsd, differenceUsd }) => [name, usd(fromUsd), usd(toUsd), signedUsd(differenceUsd)]),
    ),
    'What is counted, as units in a month:',
    table(
      ['', from, to, 'USD'],
      cost.lines.map(({ service, unit, price, fromQuantity, toQuantity }) => [
        `${service}: ${unit}`,
        count(fromQuantity),
        count(toQuantity),
        priceText(price),
      ]),
    ),
    sourcesText(cost),
  ];
}

function loadText({ load }: CostDifference): string {
  const parts = Object.entries(load).map(([name, { value, unit }]) =>
    unit.startsWith(name) ? `${count(value)} ${unit}` : `${name} ${count(value)} ${unit}`,
  );
  return parts.length === 0 ? 'the load that the stacks state' : parts.join('; ');
}

function priceText(unit: keyof typeof prices): string {
  const { usd: dollars, per } = prices[unit];
  return per === 1 ? `${dollars}` : `${dollars} per ${count(per)}`;
}

function sourcesText({ pricesAsOf, assumed }: CostDifference): string {
  const dates = pricesAsOf === undefined ? '' : [...new Set(pricesAsOf)].join(' to ');
  const assumptions = assumed.length === 0 ? '' : ` Assumed, not looked up: ${assumed.map(code).join(', ')}.`;
  return `AWS list prices of us-east-1, as of ${dates}; no free tier, no discounts by volume.${assumptions}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

function usd(value: number): string {
  return `$${amount(value)}`;
}

function signedUsd(value: number): string {
  const text = amount(Math.abs(value));
  return Number(text.replaceAll(',', '')) === 0 ? '$0.00' : `${value < 0 ? '-' : '+'}$${text}`;
}

function amount(value: number): string {
  // Small sums keep two digits that say something, down to a millionth.
  if (value > 0 && value < 0.01) return value.toFixed(Math.min(6, 1 - Math.floor(Math.log10(value))));
  return value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 2, minimumFractionDigits: 0 });
}

function code(text: string): string {
  return `\`${visible(text).replaceAll('`', "'")}\``;
}

function oneLine(text: string): string {
  return visible(text.replaceAll(/\s+/g, ' ').trim());
}

/** For a terminal: colours over the same text. */
export function painted(markdown: string): string {
  let fenced = false;
  return markdown
    .split('\n')
    .map((line) => {
      if (line.startsWith('```')) {
        fenced = !fenced;
        return dim(line);
      }
      if (!fenced) return line.startsWith('#') ? bold(line) : line;
      const paint = { '+': green, '-': red, '!': yellow }[line.charAt(0)];
      return paint === undefined ? line : paint(line);
    })
    .join('\n');
}

const escape = (codeOn: number, codeOff: number) => (text: string) => `\u001b[${codeOn}m${text}\u001b[${codeOff}m`;
const bold = escape(1, 22);
const dim = escape(2, 22);
const red = escape(31, 39);
const green = escape(32, 39);
const yellow = escape(33, 39);
