import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 22,
  slug: 'photo-sharding',
  title: 'Photo sharding by username',
  ask:
    'A simple photo sharing service splits photos and their data over machines alphabetically by username: A-I on ' +
    'server 1, J-R on server 2, S-Z on server 3, with a like scheme for any number of servers. Are there any ' +
    'problems with this design as the number of users rises?',
  load: {},
  variants: [],
  points: planned(
    'Uneven load (skew)',
    'Lack of scalability',
    'Hotspots',
    'No fault tolerance',
    'Poor flexibility for horizontal scaling',
  ),
};
