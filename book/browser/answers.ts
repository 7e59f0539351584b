import { type Answers, type QuestionName, questions } from '../../engines/consistency/choose.ts';

/** The questions that are answered so far. */
export type Given = Partial<Answers>;

export const names = Object.keys(questions) as readonly QuestionName[];

/** The answers in pairs of names and values, as queries and forms have them; what is no answer is left out. */
export function givenIn(pairs: Iterable<readonly [string, unknown]>): Given {
  const values = new Map(pairs);
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = values.get(name);
      return questions[name].answers.some((answer) => answer === value) ? [[name, value]] : [];
    }),
  );
}

/** With its question mark; empty when nothing is answered. */
export function queryOf(given: Given): string {
  const query = new URLSearchParams(Object.entries(given)).toString();
  return query === '' ? '' : `?${query}`;
}

/** The same on the command line, in parts; on a terminal it asks for what is not given. */
export function commandOf(given: Given): readonly string[] {
  return ['npx designs choose', ...Object.entries(given).map(([name, answer]) => `--${name} ${answer}`)];
}

export function unanswered(given: Given): readonly QuestionName[] {
  return names.filter((name) => given[name] === undefined);
}

export function isComplete(given: Given): given is Answers {
  return unanswered(given).length === 0;
}
