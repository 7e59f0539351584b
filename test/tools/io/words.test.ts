import { describe, expect, it } from 'vitest';
import { count, number } from '../../../tools/io/words.ts';

describe('a number', () => {
  it.each([0, 7, 999, 1000, 12_345, 999_999, 1_000_000, 123_456_789_012, -1, -1000, -123_456, 0.5, 1234.5, 0.125])(
    'is written with the separators of en-US: %d',
    (value) => {
      expect(number(value)).toBe(value.toLocaleString('en-US'));
    },
  );

  it('keeps all digits of a fraction, without separators', () => {
    expect(number(1234.56789)).toBe('1,234.56789');
  });

  it('agrees with its noun', () => {
    expect([0, 1, 2000].map((value) => count(value, 'log'))).toEqual(['0 logs', '1 log', '2,000 logs']);
    expect(count(2, 'success', 'successes')).toBe('2 successes');
  });
});
