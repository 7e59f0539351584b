import type { XmlElement } from './record.ts';
import { checkTag, matchesName } from './tag.ts';

/** Where in a record a value stands: elements from the record downwards, then an attribute or the text. */
export interface Path {
  readonly elements: readonly string[];
  readonly attribute?: string;
}

/**
 * `price`, `offer/price`, `offer/@currency`, `@id`, `.` for the record's own text. Element names are matched as the key
 * tag is; an attribute's as it is written. Throws a RangeError.
 */
export function parsePath(text: string): Path {
  if (text === '.') return { elements: [] };
  const steps = text.split('/');
  const last = steps.at(-1)!;
  const attribute = last.startsWith('@') ? last.slice(1) : undefined;
  const elements = attribute === undefined ? steps : steps.slice(0, -1);
  try {
    for (const name of attribute === undefined ? elements : [...elements, attribute]) checkTag(name);
  } catch (error) {
    throw new RangeError(`"${text}" is no path: write it as price, offer/price, offer/@currency or @id`, {
      cause: error,
    });
  }
  return attribute === undefined ? { elements } : { elements, attribute };
}

/** The values at a path, in document order: an attribute's, or all the text inside an element. */
export function valuesAt(record: XmlElement, { elements, attribute }: Path): readonly string[] {
  let found: readonly XmlElement[] = [record];
  for (const name of elements) {
    const children: XmlElement[] = [];
    for (const element of found) {
      for (const child of element.children) {
        if (typeof child !== 'string' && matchesName(child.name, name)) children.push(child);
      }
    }
    found = children;
  }
  if (attribute === undefined) return found.map(textOf);
  return found.flatMap(({ attributes }) => attributes[attribute] ?? []);
}

function textOf({ children }: XmlElement): string {
  if (children.length === 1 && typeof children[0] === 'string') return children[0];
  return children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('');
}
