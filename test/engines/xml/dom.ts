import { DOMParser, onErrorStopParsing, type Element, type Node } from '@xmldom/xmldom';
import type { AggregateOptions } from '../../../engines/xml/aggregate.ts';
import type { XmlElement } from '../../../engines/xml/record.ts';
import { matchesName } from '../../../engines/xml/tag.ts';

/** The oracle: another library's DOM of the whole document, and its outermost elements under the tag. */
export function domRecords(text: string, tag: string): readonly XmlElement[] {
  return domElements(text, tag).map(plain);
}

function domElements(text: string, tag: string): readonly Element[] {
  const root = new DOMParser({ onError: onErrorStopParsing }).parseFromString(text, 'text/xml').documentElement!;
  return outermost(root, tag);
}

function outermost(element: Element, tag: string): readonly Element[] {
  if (matchesName(element.tagName, tag)) return [element];
  return [...element.childNodes].filter(isElement).flatMap((child) => outermost(child, tag));
}

/** The aggregate of the DOM's elements, with its own idea of a path and sums in whole ten-thousandths. */
export function domAggregate(text: string, tag: string, { sum, by }: AggregateOptions): DomAggregate {
  const groups: Record<string, { records: number; summed: number; units: number }> = {};
  for (const element of domElements(text, tag)) {
    const name = by === undefined ? undefined : domValues(element, by)[0];
    const group = (groups[name === undefined ? 'null' : `"${name}"`] ??= { records: 0, summed: 0, units: 0 });
    const numbers = sum === undefined ? [] : domValues(element, sum).filter((value) => value !== '');
    group.records++;
    group.summed += numbers.length;
    for (const number of numbers) group.units += Math.round(Number(number) * 10_000);
  }
  return groups;
}

/** By group, in quotes; `null` is the one of records without a value. */
export type DomAggregate = Readonly<
  Record<string, { readonly records: number; readonly summed: number; readonly units: number }>
>;

function domValues(element: Element, path: string): readonly string[] {
  const [step, ...rest] = path.split('/') as [string, ...string[]];
  if (step.startsWith('@')) return element.hasAttribute(step.slice(1)) ? [element.getAttribute(step.slice(1))!] : [];
  const children = [...element.childNodes].filter(isElement).filter(({ tagName }) => matchesName(tagName, step));
  return children.flatMap((child) => (rest.length === 0 ? [child.textContent!] : domValues(child, rest.join('/'))));
}

function plain(element: Element): XmlElement {
  const children: (XmlElement | string)[] = [];
  for (const child of element.childNodes) {
    if (isElement(child)) children.push(plain(child));
    // Text and CDATA; the texts around a comment are one.
    else if (child.nodeType === 3 || child.nodeType === 4) {
      const last = children.at(-1);
      if (typeof last === 'string') children[children.length - 1] = last + child.nodeValue;
      else if (child.nodeValue !== '') children.push(child.nodeValue!);
    }
  }
  const attributes = Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value]));
  return { name: element.tagName, attributes, children };
}

function isElement(node: Node): node is Element {
  return node.nodeType === 1;
}
