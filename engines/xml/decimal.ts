/** Digits of one number, those behind the point included. */
export const decimalDigitsMax = 100;

/** An exact sum of decimal numbers, in any order: no binary fraction is ever taken. */
export class DecimalSum {
  #units = 0n;
  /** Digits behind the point: of the number that had most. */
  #scale = 0;

  /**
   * Adds a number as XML Schema's decimal is written (`-1`, `+0.50`, `.5`), white space around it allowed. False, with
   * nothing added, for anything else: exponents, separators, NaN, more than `decimalDigitsMax` digits.
   */
  add(text: string): boolean {
    const match = /^[ \t\r\n]*([+-]?)([0-9]*)(?:\.([0-9]*))?[ \t\r\n]*$/.exec(text);
    if (match === null) return false;
    const [, sign, whole = '', fraction = ''] = match;
    const digits = whole.length + fraction.length;
    if (digits === 0 || digits > decimalDigitsMax) return false;
    const units = BigInt(whole + fraction);
    this.#add(sign === '-' ? -units : units, fraction.length);
    return true;
  }

  /** Its value with as many digits behind the point as the number had that had most. */
  toString(): string {
    const digits = String(this.#units < 0n ? -this.#units : this.#units).padStart(this.#scale + 1, '0');
    const point = digits.length - this.#scale;
    const text = this.#scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
    return this.#units < 0n ? `-${text}` : text;
  }

  /** Adds a sum's text. Throws a RangeError for what `toString` never wrote. */
  merge(sum: string): void {
    const match = /^(-?)([0-9]+)(?:\.([0-9]+))?$/.exec(sum);
    if (match === null) throw new RangeError(`"${sum}" is no sum: give what an aggregate wrote`);
    const [, sign, whole = '', fraction = ''] = match;
    const units = BigInt(whole + fraction);
    this.#add(sign === '-' ? -units : units, fraction.length);
  }

  #add(units: bigint, scale: number): void {
    if (scale === this.#scale) {
      this.#units += units;
      return;
    }
    const common = Math.max(scale, this.#scale);
    this.#units = this.#units * 10n ** BigInt(common - this.#scale) + units * 10n ** BigInt(common - scale);
    this.#scale = common;
  }
}
