import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 4,
  slug: 'sports-app-budget',
  title: 'Sports app: budget for six months',
  ask:
    'A sports app collects articles and serves them to its users. Plan its budget for the next six months: which ' +
    'factors do you consider?',
  load: {},
  variants: [],
  points: planned(
    'Number of users',
    'Number of articles',
    'Article size',
    'Average server usage per article',
    'Cost per article',
    'Processing time per link',
    'Server types (CPU, GPU)',
    'Scaling for traffic spikes',
    'Licensing and miscellaneous',
  ),
};
