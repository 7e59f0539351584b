import { latin1 } from './bytes.ts';

const zero = 48;
const dayBytes = '2026-11-23'.length;

/**
 * A reader of the ISO 8601 UTC time (`2026-11-23T01:02:03Z`, with a fraction of 1 to 9 digits or none) that is the
 * first token of a line: milliseconds since 1970, or undefined. A log's lines share their day, so it is computed once.
 */
export function timestampReader(): (bytes: Uint8Array, start: number, end: number) => number | undefined {
  let day = '';
  let dayMs: number | undefined;

  const sameDay = (bytes: Uint8Array, start: number): boolean => {
    for (let i = 0; i < dayBytes; i++) if (bytes[start + i] !== day.charCodeAt(i)) return false;
    return true;
  };

  return (bytes, start, end) => {
    if (end - start < 20 || bytes[start + 10] !== 84 || bytes[start + 13] !== 58 || bytes[start + 16] !== 58) return;
    if (!sameDay(bytes, start)) {
      day = latin1(bytes, start, start + dayBytes);
      dayMs = dayStartMs(day);
    }
    const hour = twoDigits(bytes, start + 11);
    const minute = twoDigits(bytes, start + 14);
    const second = twoDigits(bytes, start + 17);
    if (dayMs === undefined || !(hour < 24 && minute < 60 && second < 61)) return;
    let at = start + 19;
    let ms = 0;
    if (bytes[at] === 46) {
      const fraction = ++at;
      for (; at < end && isDigit(bytes[at]!); at++) if (at - fraction < 3) ms = 10 * ms + bytes[at]! - zero;
      for (let digits = at - fraction; digits < 3; digits++) ms *= 10;
      if (at === fraction || at - fraction > 9) return;
    }
    if (at >= end || bytes[at] !== 90) return;
    if (at + 1 < end && bytes[at + 1] !== 32 && bytes[at + 1] !== 9) return;
    return dayMs + ((hour * 60 + minute) * 60 + second) * 1000 + ms;
  };
}

function dayStartMs(day: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(day)) return undefined;
  const ms = Date.parse(`${day}T00:00:00Z`);
  // February 30 parses, as March 2.
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, dayBytes) !== day ? undefined : ms;
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte < zero + 10;
}

/** NaN when they are not digits, which no comparison lets through. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const [tens, ones] = [bytes[at]!, bytes[at + 1]!];
  return isDigit(tens) && isDigit(ones) ? (tens - zero) * 10 + ones - zero : NaN;
}
