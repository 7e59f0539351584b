import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 16,
  slug: 'throughput',
  title: 'The throughput question',
  ask:
    'A pipeline has stages of different capacity: A(50) feeds B(30), which feeds C(30); C feeds both D(90) and ' +
    'E(10), and E feeds F(20), which feeds G(25). Find the maximum throughput. How would you improve it, given ' +
    'information about each stage?',
  load: {},
  variants: [],
  points: planned(
    'The maximum throughput of A(50)-B(30)-C(30)-{D(90), E(10)-F(20)-G(25)}',
    'How to improve it, given facts about each stage',
  ),
};
