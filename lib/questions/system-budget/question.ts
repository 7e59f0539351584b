import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 6,
  slug: 'system-budget',
  title: 'Budget estimation for system planning',
  ask:
    'Estimate the budget of a system for the next six months, beyond its servers too: which costs do you plan ' +
    'for?',
  load: {},
  variants: [],
  points: planned(
    'Storage for six months',
    'Average server costs',
    'Surge handling',
    'Developer hiring',
    'Marketing and licensing',
  ),
};
