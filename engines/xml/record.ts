import { Bare } from './names.ts';

/** An element of a record. Names are as written: `a:b` stays `a:b`. */
export interface XmlElement {
  readonly name: string;
  /** By name as written, references resolved, white space normalised (XML 1.0, 3.3.3). Has no prototype. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Elements and texts in document order. Texts on both sides of a comment or beside CDATA are one. */
  readonly children: readonly (XmlElement | string)[];
}

/** An outermost element under the key tag. `line` and `column` are those of its `<`, as in `Place`. */
export interface XmlRecord {
  /** Offset of its `<` in the file: its identity, the same however the file was split. */
  readonly from: number;
  /** Offset after its `>`. */
  readonly to: number;
  readonly line: number;
  readonly column: number;
  readonly element: XmlElement;
}

export type Json = string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [name: string]: Json;
}

/**
 * A record as JSON, by the usual mapping: an attribute is `@name`, a child element its name, a child that is repeated an
 * array in document order, text `#text`. A child with text alone is that string, an empty one `""`; the record itself is
 * always an object. Its own name is left out.
 *
 * Names are kept as written, prefixes and `xmlns` attributes too. White space between child elements is dropped, any
 * other text is kept as it is; the texts of mixed content are joined. So what JSON does not say is the order among
 * children of different names, and where among them a text stood: use the element itself for such documents.
 *
 * `__proto__` and the like are names as any other.
 */
export function toJson({ attributes, children }: XmlElement): JsonObject {
  const json = new Bare<Json>();
  for (const name of Object.keys(attributes)) json[`@${name}`] = attributes[name]!;
  let text = '';
  let elements = 0;
  for (const child of children) {
    if (typeof child === 'string') {
      text += child;
      continue;
    }
    elements++;
    const value = valueOf(child);
    const present = json[child.name];
    if (present === undefined) json[child.name] = value;
    else if (isRepeated(present)) (present as Json[]).push(value);
    else json[child.name] = [present, value];
  }
  if (elements === 0 ? text !== '' : !isWhiteSpace(text)) json['#text'] = text;
  return json;
}

function valueOf(element: XmlElement): Json {
  const { attributes, children } = element;
  const isText = children.length === 0 || (children.length === 1 && typeof children[0] === 'string');
  for (const _ in attributes) return toJson(element);
  return isText ? ((children[0] as string | undefined) ?? '') : toJson(element);
}

// The value of a child is a string or an object: an array is always our own.
function isRepeated(value: Json): boolean {
  return Array.isArray(value);
}

function isWhiteSpace(text: string): boolean {
  return /^[ \t\r\n]*$/.test(text);
}
