/** What a reader sees of a page: its text, entities read, spaces as one. */
export function textOf(html: string): string {
  return decoded(html.replaceAll(/<[^>]*>/g, ' '))
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** With the spaces that `textOf` leaves. */
export function asRead(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

export function attributes(html: string, name: string): readonly string[] {
  return [...html.matchAll(new RegExp(`<[^>]*\\s${name}="([^"]*)"`, 'g'))].map(([, value]) => decoded(value!));
}

const characters: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&amp;': '&',
};

function decoded(text: string): string {
  return text.replaceAll(/&(?:lt|gt|quot|#39|amp);/g, (entity) => characters[entity]!);
}
