import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 7,
  slug: 'embedded-port',
  title: 'Porting code to embedded systems',
  ask:
    'A program that runs on a full-fledged computer is to run on an embedded system such as a Raspberry Pi. What ' +
    'are the challenges, and what do you consider before porting it?',
  load: {},
  variants: [],
  points: planned(
    "Hardware limits: a Raspberry Pi's memory",
    'Software compatibility: Linux against Raspberry Pi OS',
    'Language efficiency',
    'Power supply',
    'Communication with external systems: protocol compatibility',
    'Overall cost: maintenance and production',
  ),
};
