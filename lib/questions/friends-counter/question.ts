import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 18,
  slug: 'friends-counter',
  title: 'Posts with a friends counter',
  ask:
    "A post is shown with its author's number of friends. Given a users table and a friends table, define the " +
    'schema: how do you find the friends counter?',
  load: {},
  variants: [],
  points: planned('A separate friends-counter table', 'A join of users and friends'),
};
