/** Markup that is safe to send: what `markup` made, or a renderer that escapes text itself. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** `undefined` is nothing at all. */
export type Part = string | number | Markup | undefined | readonly Part[];

/**
 * A template in which every value is escaped, unless it is markup: the same for HTML and SVG. Not called `html`, because
 * the formatter would then change spaces and line ends, which count in a block of code.
 */
export function markup(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(texts.map((text, index) => text + rendered(parts[index])).join(''));
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!);
}

function rendered(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Markup) return part.text;
  return typeof part === 'object' ? part.map(rendered).join('') : escaped(String(part));
}
