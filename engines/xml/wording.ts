/**
 * What saxes says, as what is wrong and what to do. `character`: the last one that was read; messages of saxes 6.0.0,
 * and any other of it as it is.
 */
export function worded(message: string, character: string): string {
  const known = wordings[message];
  if (known !== undefined) return known(shown(character));
  const [, name] = /^(?:duplicate attribute|unclosed tag): (.*?)\.?$/.exec(message) ?? [];
  if (name === undefined) return `${message.replace(/\.$/, '')}: correct the document`;
  return message.startsWith('unclosed')
    ? `<${name}> is not closed when the document ends: add </${name}>, or get the whole file`
    : `attribute ${name} is given twice: give it once`;
}

const wordings: Readonly<Record<string, ((character: string) => string) | undefined>> = Object.assign(
  Object.create(null) as object,
  {
    'disallowed character.': (character: string) =>
      character === '"<"'
        ? 'a < stands in an attribute value: write &lt;'
        : `${character} may stand in no XML document: take it away`,
    'disallowed character in tag name': (character: string) =>
      `< is followed by ${character} and begins no tag: write &lt; for a plain <`,
    'disallowed character in tag name.': (character: string) =>
      `${character} can be no part of a tag’s name: rename it`,
    'disallowed character in closing tag.': (character: string) =>
      `${character} can be no part of an end tag: end it with >`,
    'disallowed character in attribute name.': (character: string) =>
      `${character} can be no part of an attribute’s name: rename it, or end the tag with >`,
    'disallowed character in processing instruction name.': (character: string) =>
      `${character} can be no part of a processing instruction’s name: rename it`,
    'disallowed character in entity name.': () => '& begins no reference: write &amp; for a plain &',
    'empty entity name.': () => '&; is no reference: write &amp; for a plain &',
    'undefined entity.': () =>
      'a reference to an undefined entity: only amp, lt, gt, quot, apos and character numbers are known',
    'malformed character entity.': () => 'a reference to a character that may stand in no XML document: take it away',
    'incorrect syntax.': () => '<! begins neither a comment nor CDATA: write &lt; for a plain <',
    'inappropriately located doctype declaration.': () =>
      'DOCTYPE is refused, and with it entities: take the declaration away',
    'malformed comment.': () => '-- stands inside a comment: take it away',
    'text data outside of root node.': () => 'text outside the root element: take it away, or put it inside',
    'documents may contain only one root.': () => 'a second root element: put both inside another one',
    'document must contain a root element.': () => 'there is no root element: the document is empty, or no XML',
    'unexpected end.': () => 'the document ends inside a token: get the whole file',
    'attribute without value.': () => 'an attribute without a value: write name="value"',
    'unquoted attribute value.': (character: string) =>
      `an attribute’s value begins with ${character}: put it in quotes`,
    'no whitespace between attributes.': () => 'two attributes without a space between them: add one',
    'forward-slash in opening tag not followed by >.': () => 'a / inside a tag that does not end there: write />',
    'the string "]]>" is disallowed in char data.': () => ']]> stands in text: write ]]&gt;',
    'processing instruction without a target.': () => '<? is followed by no name: give the instruction one',
    'an XML declaration must be at the start of the document.': () =>
      'an XML declaration that is not at the very beginning: take it away, or what is before it',
    'the XML declaration must appear at the start of the document.': () =>
      'a processing instruction cannot be called xml in any case: rename it',
    'XML declaration is incomplete.': () => 'the XML declaration is incomplete: write <?xml version="1.0"?>',
  },
);

function shown(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return code > 0x20 && code < 0x7f ? JSON.stringify(character).replace('"\\""', "'\"'") : hex;
}
