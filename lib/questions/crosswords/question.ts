import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 2,
  slug: 'crosswords',
  title: 'Crosswords, online and offline',
  ask:
    'A crossword app works online and offline. Should its hints come from the server when they are asked for, or ' +
    'be preloaded in the app? Give the pros and cons of both.',
  load: {},
  variants: [],
  points: planned(
    'Hints from the server: dynamic',
    'Hints from the server: premium hints stay on the server, safe from reverse engineering',
    'Hints from the server: less storage on the client',
    'Hints from the server: lower initial load time',
    "Hints from the server, against: slower by the network's latency",
    'Hints from the server, against: needs connectivity',
    'Hints from the server, against: higher operating cost',
    'Preloaded hints: faster access',
    'Preloaded hints: work offline',
    'Preloaded hints: lower operating cost',
    'Preloaded hints, against: no additional hints beyond the pack',
    'Preloaded hints, against: more local storage',
  ),
};
