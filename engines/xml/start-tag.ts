import type { XmlElement } from './record.ts';

/** An element's start tag, written so that it is read as the same name and attributes. */
export function startTagText({ name, attributes }: XmlElement): string {
  const pairs = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${value.replace(/[&<"\t\n\r]/g, reference)}"`,
  );
  return `<${name}${pairs.join('')}>`;
}

function reference(character: string): string {
  return `&#${character.charCodeAt(0)};`;
}
