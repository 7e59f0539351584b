/**
 * Whether a name, as written in a document, is meant by the name that a user gives: with a prefix (`atom:entry`) the
 * same characters, without one (`entry`) the local name, whatever the prefix. Prefixes are compared as they are written
 * and not by the namespace that they are bound to: a splitter that sees a stretch of a file cannot know the binding.
 */
export function matchesName(written: string, wanted: string): boolean {
  if (written === wanted) return true;
  const cut = written.length - wanted.length;
  return cut > 1 && written.charCodeAt(cut - 1) === 58 && written.endsWith(wanted) && !wanted.includes(':');
}

/** Nearly the names of XML 1.0 (production 5): a document's own names are checked by its parser. */
const name = /^[:A-Z_a-z\u00c0-\u{effff}][-.\d:A-Z_a-z\u00b7-\u{effff}]*$/u;

/** Throws a RangeError for what no element can be called. */
export function checkTag(tag: string): void {
  if (!name.test(tag)) {
    throw new RangeError(`"${tag}" is no tag: give an element's name as it is written, such as item or atom:entry`);
  }
}
