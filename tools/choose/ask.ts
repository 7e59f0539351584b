import type { Readable, Writable } from 'node:stream';
import { createInterface } from 'node:readline/promises';
import { type Answers, type QuestionName, questions } from '../../engines/consistency/choose.ts';
import { UsageError } from '../cli/errors.ts';

export type Given = Readonly<Partial<Record<QuestionName, string>>>;

/** A person at a terminal; nobody when there is none to ask. */
export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
}

/**
 * All five answers: those that were given, and the others as a person answers them.
 *
 * @throws {UsageError} naming every option that is missing, when nobody can be asked or the input ends.
 */
export async function completed(given: Given, terminal: Terminal | undefined): Promise<Answers> {
  const names = Object.keys(questions) as QuestionName[];
  const missing = names.filter((name) => given[name] === undefined);
  const answers: Partial<Record<QuestionName, string>> = { ...given };
  if (missing.length > 0) {
    if (terminal === undefined) throw unanswered(missing);
    const lines = createInterface({ ...terminal, terminal: false });
    try {
      const replies = lines[Symbol.asyncIterator]();
      for (const name of missing) answers[name] = await ask(name, terminal.output, replies, missing);
    } finally {
      lines.close();
    }
  }
  return answers as Answers;
}

/** Asks until the reply is one of the answers, or the only one that begins so. */
async function ask(
  name: QuestionName,
  output: Writable,
  replies: AsyncIterator<string>,
  missing: readonly QuestionName[],
): Promise<string> {
  const { asks, answers } = questions[name];
  for (;;) {
    output.write(`${asks} (${answers.join(', ')}) `);
    const reply = await replies.next();
    if (reply.done === true) throw unanswered(missing);
    const text = reply.value.trim().toLowerCase();
    const fitting = answers.filter((answer) => text !== '' && answer.startsWith(text));
    if (fitting.length === 1) return fitting[0]!;
    output.write(`"${text.slice(0, 40)}" is none of them.\n`);
  }
}

function unanswered(missing: readonly QuestionName[]): UsageError {
  const options = missing.map((name) => `--${name} ${questions[name].answers.join('|')}`);
  return new UsageError(
    `${missing.length === 1 ? 'a question is' : 'questions are'} not answered: give ${options.join(', ')}`,
  );
}
