import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 17,
  slug: 'consistency-choice',
  title: 'Strong or eventual consistency',
  ask:
    'Strong or eventual consistency: which do you use for a banking application, for a page click counter, and ' +
    'for an API that must answer in 20 ms?',
  load: {},
  variants: [],
  points: planned('Banking: strong', 'Page click counter: eventual', 'An API that answers in 20 ms: eventual'),
};
