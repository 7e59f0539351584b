/** A system-design question, as data. Loads nothing of the CDK, so that `designs list` answers at once. */
export interface Question {
  /** 1 to 22, the order of the seed document. */
  readonly number: number;
  /** The join key: `lib/questions/<slug>`, `lambdas/<slug>`, `test/<slug>`. */
  readonly slug: string;
  readonly title: string;
  /** What the interviewer asks, in a sentence or three. */
  readonly ask: string;
  /** The load that the design is made for; `designs diff` prices both variants at it. Empty until the question is built. */
  readonly load: Readonly<Record<string, Quantity>>;
  /** File names of the variants, worst first; empty as long as the question is not built. */
  readonly variants: readonly string[];
  /** Every numbered point of the question's answer, in order. */
  readonly points: readonly Point[];
}

/** A number that never stands without its unit. */
export interface Quantity {
  readonly value: number;
  /** Such as `documents/night` or `bytes/line`. */
  readonly unit: string;
}

export interface Point {
  /** 1-based, within the question. */
  readonly n: number;
  readonly text: string;
  /** How the improved design answers it; empty as long as the question is not built. */
  readonly answer: string;
  /** Names of the properties in proof.ts that prove it; empty as long as the question is not built. */
  readonly properties: readonly string[];
}

/** Points of a question that nobody has built yet: their texts only. */
export function planned(...texts: readonly string[]): readonly Point[] {
  return texts.map((text, index) => ({ n: index + 1, text, answer: '', properties: [] }));
}

/** A question is built when it has variants. */
export function isBuilt(question: Question): boolean {
  return question.variants.length > 0;
}
