import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 12,
  slug: 'google-docs-routing',
  title: 'Round robin in Google Docs',
  ask:
    'Requests to a collaborative editor such as Google Docs are spread over its servers round robin. Which ' +
    'problems does that cause?',
  load: {},
  variants: [],
  points: planned(
    'Collaboration latency: edits of one document on several instances must sync',
    'State sync across servers is complex and costly',
    'Load imbalance of active documents',
    'Inefficient use of resources: light reads and heavy edit sessions alike',
    "Inconsistent routing of one user's or document's requests",
  ),
};
