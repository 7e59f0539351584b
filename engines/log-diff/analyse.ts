import { RegExpParser, type AST } from '@eslint-community/regexpp';
import { latin1Bytes } from './bytes.ts';
import { idBytesMax } from './ids.ts';
import type { LiteralPattern } from './pattern.ts';

const markerBytesMax = 64;

/** What of a regular expression can be known without running it. */
export interface Analysis {
  /** Bytes that every match contains: those before the ID if they decide, else the longest known; absent if none is certain. */
  readonly marker?: Uint8Array;
  /** Where a match's first group lies, if literal bytes stand right before it and decide; with a marker that does not, every line that has it leaves a doubt. */
  readonly literal?: LiteralPattern;
}

/**
 * Analyses a valid regular expression over characters below 256. Knows only what it is sure of: with the flags i and v,
 * and with an alternative at the top level, that is nothing.
 */
export function analysePattern(source: string, flags: string): Analysis {
  if (/[iv]/.test(flags)) return {};
  const { alternatives } = new RegExpParser().parsePattern(source, 0, source.length, { unicode: flags.includes('u') });
  if (alternatives.length > 1) return {};
  const { elements } = alternatives[0]!;
  const literal = literalOf(elements, flags);
  if (literal) return { marker: literal.marker, literal };
  const required = latin1Bytes(requiredLiteral(elements).slice(0, markerBytesMax));
  return required.length === 0 ? {} : { marker: required, literal: undecided(required) };
}

/** Only a run of the expression can tell, but only on lines with the marker: no ID has between 1 and 0 bytes. */
function undecided(marker: Uint8Array): LiteralPattern {
  const any = () => true;
  return {
    marker,
    besideMarker: any,
    endsId: any,
    followsId: any,
    lineEndFollowsId: true,
    bytesMin: 1,
    bytesMax: 0,
    uuid: 'never',
  };
}

function requiredLiteral(elements: readonly AST.Element[]): string {
  let longest = '';
  let run = '';
  const close = (): void => {
    if (run.length > longest.length) longest = run;
    run = '';
  };
  const visit = (element: AST.Element): void => {
    switch (element.type) {
      case 'Character':
        run += String.fromCharCode(element.value);
        break;
      case 'Assertion':
        // It takes no characters: what stands before it and behind it are neighbours.
        break;
      case 'Group':
      case 'CapturingGroup':
        if (element.alternatives.length === 1) element.alternatives[0]!.elements.forEach(visit);
        else close();
        break;
      case 'Quantifier': {
        const { min, max, element: repeated } = element;
        if (repeated.type === 'Character') run += String.fromCharCode(repeated.value).repeat(Math.min(min, 64));
        else close();
        if (min !== max) close();
        break;
      }
      case 'Backreference':
      case 'CharacterClass':
      case 'CharacterSet':
      case 'ExpressionCharacterClass':
        close();
        break;
    }
  };
  elements.forEach(visit);
  close();
  return longest;
}

/**
 * `marker(ID)tail`: before the marker perhaps \b or a negative look behind for one character; the ID is a UUID or
 * characters of one class, as many as there are; behind it perhaps one of some characters, or the line's end.
 *
 * That is what makes the rule of LiteralPattern that of the expression: the first match of a line that has the marker
 * once can begin nowhere else, and the longest run, which the expression tries first, is its ID if the tail allows it.
 */
function literalOf(all: readonly AST.Element[], flags: string): LiteralPattern | undefined {
  // What may be empty, such as `.*` before the marker or behind the tail, does not change whether the rest matches.
  const elements = all.slice(isOptional(all[0]) ? 1 : 0, isOptional(all.at(-1)) ? -1 : undefined);
  const at = elements.findIndex(({ type }) => type === 'CapturingGroup');
  const group = elements[at];
  if (group?.type !== 'CapturingGroup' || group.alternatives.length > 1) return undefined;
  const before = elements.slice(0, at);
  const beside =
    before[0]?.type === 'Assertion' ? besideOf(before.shift() as AST.Assertion, before[0], flags) : () => true;
  const characters = before.flatMap((element) => (element.type === 'Character' ? [element.value] : []));
  if (!beside || characters.length < before.length || characters.length === 0) return undefined;
  if (characters.length > markerBytesMax) return undefined;
  const tail = tailOf(elements.slice(at + 1), flags);
  const id = idOf(group.alternatives[0]!.elements, flags);
  if (!tail || !id) return undefined;
  // Greedy, it leads to the last marker, and the core knows of no other within an ID that it takes.
  const inId = id.uuid === 'always' ? bytesOf('[0-9a-f-]', '') : (byte: number) => !id.endsId(byte);
  if (isOptional(all[0]) && all[0].greedy && characters.every(inId)) return undefined;
  return { marker: latin1Bytes(String.fromCharCode(...characters)), besideMarker: beside, ...id, ...tail };
}

function isOptional(element: AST.Element | undefined): element is AST.Quantifier {
  return element?.type === 'Quantifier' && element.min === 0 && element.element.type.startsWith('Character');
}

/** Which bytes may stand before the marker, whose first element is `first`. */
function besideOf(assertion: AST.Assertion, first: AST.Element | undefined, flags: string) {
  if (assertion.kind === 'word') {
    const isWord = bytesOf('\\w', flags);
    const wanted = first?.type === 'Character' && isWord(first.value) !== assertion.negate;
    return wanted ? (byte: number) => !isWord(byte) : undefined;
  }
  if (assertion.kind !== 'lookbehind' || !assertion.negate) return undefined;
  const forbidden = oneOf(assertion.alternatives, flags);
  return forbidden && !forbidden.lineEnd ? (byte: number) => !forbidden.bytes(byte) : undefined;
}

type Id = Pick<LiteralPattern, 'endsId' | 'bytesMin' | 'bytesMax' | 'uuid'>;

function idOf(elements: readonly AST.Element[], flags: string): Id | undefined {
  const quantifier = elements[0];
  if (elements.length === 1 && quantifier?.type === 'Quantifier' && quantifier.greedy) {
    const isId = bytesOfElement(quantifier.element, flags);
    if (!isId) return undefined;
    const [bytesMin, bytesMax] = [quantifier.min, Math.min(quantifier.max, idBytesMax)];
    const canBeUuid =
      bytesMin <= 36 && bytesMax >= 36 && [...'0123456789abcdef-'].every((digit) => isId(digit.charCodeAt(0)));
    return { endsId: (byte) => !isId(byte), bytesMin, bytesMax, uuid: canBeUuid ? 'perhaps' : 'never' };
  }
  return isUuid(elements, flags) ? { endsId: () => true, bytesMin: 36, bytesMax: 36, uuid: 'always' } : undefined;
}

const uuidGroups = [8, 4, 4, 4, 12];

/** Whether the elements take every UUID in lower case: five runs of at least its digits, between dashes. */
function isUuid(elements: readonly AST.Element[], flags: string): boolean {
  if (elements.length !== 2 * uuidGroups.length - 1) return false;
  return elements.every((element, i) => {
    if (i % 2 === 1) return element.type === 'Character' && element.value === '-'.charCodeAt(0);
    if (element.type !== 'Quantifier' || element.min !== element.max || element.min !== uuidGroups[i / 2]) return false;
    const isDigit = bytesOfElement(element.element, flags);
    return isDigit !== undefined && [...'0123456789abcdef'].every((digit) => isDigit(digit.charCodeAt(0)));
  });
}

type Tail = Pick<LiteralPattern, 'followsId' | 'lineEndFollowsId'>;

function tailOf(elements: readonly AST.Element[], flags: string): Tail | undefined {
  const element = elements[0];
  if (!element) return { followsId: () => true, lineEndFollowsId: true };
  if (elements.length > 1) return undefined;
  if (element.type === 'Assertion' && element.kind === 'lookahead' && element.negate) {
    const forbidden = oneOf(element.alternatives, flags);
    return forbidden && { followsId: (byte) => !forbidden.bytes(byte), lineEndFollowsId: !forbidden.lineEnd };
  }
  const isGroup = element.type === 'Group' || (element.type === 'Assertion' && element.kind === 'lookahead');
  const wanted = isGroup ? oneOf(element.alternatives, flags) : oneOfElement(element, flags);
  return wanted && { followsId: wanted.bytes, lineEndFollowsId: wanted.lineEnd };
}

/** One character of a set, or the line's end. */
interface OneOf {
  readonly bytes: (byte: number) => boolean;
  readonly lineEnd: boolean;
}

function oneOf(alternatives: readonly AST.Alternative[], flags: string): OneOf | undefined {
  const all = alternatives.map(({ elements }) =>
    elements.length === 1 ? oneOfElement(elements[0]!, flags) : undefined,
  );
  if (!all.every((one) => one !== undefined)) return undefined;
  return { bytes: (byte) => all.some(({ bytes }) => bytes(byte)), lineEnd: all.some(({ lineEnd }) => lineEnd) };
}

function oneOfElement(element: AST.Element, flags: string): OneOf | undefined {
  if (element.type === 'Assertion') return element.kind === 'end' ? { bytes: () => false, lineEnd: true } : undefined;
  const bytes = bytesOfElement(element, flags);
  return bytes && { bytes, lineEnd: false };
}

function bytesOfElement(element: AST.Element, flags: string): ((byte: number) => boolean) | undefined {
  const isOne = element.type === 'Character' || element.type === 'CharacterClass' || element.type === 'CharacterSet';
  return isOne ? bytesOf(element.raw, flags) : undefined;
}

/** Which single characters the expression matches: asked of the expression itself. */
function bytesOf(source: string, flags: string): (byte: number) => boolean {
  const expression = new RegExp(`^(?:${source})$`, flags);
  const matches = Array.from({ length: 256 }, (_, byte) => expression.test(String.fromCharCode(byte)));
  return (byte) => matches[byte]!;
}
