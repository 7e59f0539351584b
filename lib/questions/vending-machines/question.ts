import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 20,
  slug: 'vending-machines',
  title: '100,000 vending machines at midnight',
  ask:
    'Around 100,000 vending machines will be installed in the coming year in major cities around the world, ' +
    'connected by cellular devices. At midnight each reports its remaining stock and any maintenance issues to a ' +
    'central server, which stores them in a database; at 3 am a batch job schedules restocking and maintenance. ' +
    'Are there any problems with this design?',
  load: {},
  variants: [],
  points: planned(
    'Thundering herd at midnight',
    'Global time zones',
    'Cellular connectivity failures',
    'The batch job as a single point of failure',
    'Scalability of the central server and database',
  ),
};
