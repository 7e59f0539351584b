import { DOMParser, onErrorStopParsing, type Element, type Node } from '@xmldom/xmldom';
import type { XmlElement } from '../../../engines/xml/record.ts';
import { matchesName } from '../../../engines/xml/tag.ts';

/** The oracle: another library's DOM of the whole document, and its outermost elements under the tag. */
export function domRecords(text: string, tag: string): readonly XmlElement[] {
  const root = new DOMParser({ onError: onErrorStopParsing }).parseFromString(text, 'text/xml').documentElement!;
  return outermost(root, tag);
}

function outermost(element: Element, tag: string): readonly XmlElement[] {
  if (matchesName(element.tagName, tag)) return [plain(element)];
  return [...element.childNodes].filter(isElement).flatMap((child) => outermost(child, tag));
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
