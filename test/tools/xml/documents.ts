import { randomFrom } from '../../../engines/simulation/random.ts';

/** A catalogue with its truth: prices in cents by category. */
export function catalogue(seed: number, items: number): { text: string; cents: ReadonlyMap<string, number> } {
  const random = randomFrom(seed);
  const cents = new Map<string, number>();
  const parts = ['<?xml version="1.0" encoding="UTF-8"?>\n<catalogue xmlns="urn:catalogue">\n'];
  for (let id = 0; id < items; id++) {
    const category = `category ${random.below(7)}`;
    const price = random.below(100_000);
    cents.set(category, (cents.get(category) ?? 0) + price);
    const note = random.share(0.1) ? '<!-- <item> --><![CDATA[</item>]]>' : 'é €';
    parts.push(
      `<item id="${id}">${note}<category>${category}</category>` +
        `<price currency="EUR">${Math.floor(price / 100)}.${String(price % 100).padStart(2, '0')}</price></item>\n`,
    );
  }
  parts.push('</catalogue>\n');
  return { text: parts.join(''), cents };
}

export function decimal(cents: number): string {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
}
