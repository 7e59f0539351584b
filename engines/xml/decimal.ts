/** Digits of one number, those behind the point included. */
export const decimalDigitsMax = 100;

/** A number as an integer, and how many of its digits are behind the point. */
export interface Decimal {
  /** A bigint only beyond what a number holds exactly: nearly all are small, and small ones are ten times faster. */
  readonly units: number | bigint;
  readonly scale: number;
}

/**
 * A number as XML Schema's decimal is written (`-1`, `+0.50`, `.5`), white space around it allowed. Undefined for anything
 * else: exponents, separators, NaN, more than `decimalDigitsMax` digits.
 */
export function parseDecimal(text: string): Decimal | undefined {
  const match = /^[ \t\r\n]*([+-]?)([0-9]*)(?:\.([0-9]*))?[ \t\r\n]*$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = ''] = match;
  const digits = whole.length + fraction.length;
  if (digits === 0 || digits > decimalDigitsMax) return undefined;
  if (digits < 15) {
    const units = Number(whole + fraction);
    return { units: sign === '-' ? -units : units, scale: fraction.length };
  }
  const units = BigInt(whole + fraction);
  return { units: sign === '-' ? -units : units, scale: fraction.length };
}

/** An exact sum of decimal numbers, in any order: no binary fraction is ever taken. */
export class DecimalSum {
  #units = 0n;
  /** What is still to be added to `#units`, as long as a number holds it exactly. */
  #small = 0;
  /** Digits behind the point: of the number that had most. */
  #scale = 0;

  add({ units, scale }: Decimal): void {
    if (scale !== this.#scale) {
      const common = Math.max(scale, this.#scale);
      this.#units = this.#total() * 10n ** BigInt(common - this.#scale) + BigInt(units) * 10n ** BigInt(common - scale);
      this.#scale = common;
    } else if (typeof units === 'number') {
      this.#small += units;
      if (Math.abs(this.#small) > smallMax) this.#units = this.#total();
    } else this.#units += units;
  }

  /** Its value with as many digits behind the point as the number had that had most. */
  toString(): string {
    const total = this.#units + BigInt(this.#small);
    const digits = String(total < 0n ? -total : total).padStart(this.#scale + 1, '0');
    const point = digits.length - this.#scale;
    const text = this.#scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
    return total < 0n ? `-${text}` : text;
  }

  /** Adds a sum's text. Throws a RangeError for what `toString` never wrote. */
  merge(sum: string): void {
    const match = /^(-?)([0-9]+)(?:\.([0-9]+))?$/.exec(sum);
    if (match === null) throw new RangeError(`"${sum}" is no sum: give what an aggregate wrote`);
    const [, sign, whole = '', fraction = ''] = match;
    const units = BigInt(whole + fraction);
    this.add({ units: sign === '-' ? -units : units, scale: fraction.length });
  }

  #total(): bigint {
    const total = this.#units + BigInt(this.#small);
    this.#small = 0;
    return total;
  }
}

/** With one more number of 14 digits, still an integer that a number holds exactly. */
const smallMax = 2 ** 52;
