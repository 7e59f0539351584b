import { planned, type Question } from '../../kit/question.ts';

export const question: Question = {
  number: 21,
  slug: 'photo-storage-estimate',
  title: 'Photo storage: the estimate',
  ask:
    'A simple photo storage and sharing service runs in its own datacenters: people upload photos and may send ' +
    'links to other users, who can then view them. Estimate the storage required over the coming year and its ' +
    'cost: what information do you need, and which factors do you consider?',
  load: {},
  variants: [],
  points: planned(
    'User growth',
    'Upload patterns: photos per user and period',
    'Retention',
    'Sharing behaviour',
    'Redundancy and replication',
    'Storage architecture: file system, object storage',
    'Hardware: cost per TB',
  ),
};
