import type { Question } from '../../kit/question.ts';

/** The nights of a month, the unit in which `designs diff` prices a load. */
export const nights = 30;

export const question = {
  number: 15,
  slug: 'missing-notifications',
  title: 'Find the missing notifications',
  ask:
    'A database tracks fully signed documents. Flat-file logs from 500 production servers hold the IDs of the ' +
    'documents whose notification was sent successfully; failed attempts left no line. Find the documents that ' +
    'were never notified, and notify them.',
  load: {
    storedDocuments: { value: 100_000_000, unit: 'documents' },
    documentBytes: { value: 2_000, unit: 'bytes/document' },
    signedDocuments: { value: 1_000_000, unit: 'documents/night' },
    servers: { value: 500, unit: 'servers' },
    logBytes: { value: 100_000_000, unit: 'bytes/server/night' },
    missedDocuments: { value: 2_000, unit: 'documents/night' },
    /** What one function reads from S3 and scans; a stated assumption, to be measured on an account. */
    readRate: { value: 75_000_000, unit: 'bytes/second/function' },
  },
  variants: ['naive', 'improved'],
  points: [
    {
      n: 1,
      text: 'Extract the signed document IDs from the database',
      answer:
        'A sparse index holds signed documents only, by shard and signing time, keys only. A run queries the window ' +
        '[from, T) of each shard in parallel. T lies at least 15 minutes back, the longest that a notification ' +
        'takes to be logged, so that nothing counts as missed that is merely on its way.',
      properties: [
        'sends for documents whose notification is still on its way',
        'capacity read to find the signed documents',
      ],
    },
    {
      n: 2,
      text: 'Parse the logs of 500 servers in parallel on a distributed processing system',
      answer:
        'A Distributed Map over units of even size, each read as a stream with bounded memory. The versions of all ' +
        'logs are pinned first and checked against the servers that are expected to log: one that is missing, empty ' +
        'or too short stops the run, or marks its result partial from end to end where that was allowed.',
      properties: [
        'workers that read at the same time',
        'peak memory of a worker at ten times the logs',
        'false sends when the log of one server in 500 is missing',
        'results from 499 of 500 logs that pass for whole',
      ],
    },
    {
      n: 3,
      text: 'Missed = A - B',
      answer:
        'Both sides are partitioned by the same hash of the ID, so that A - B is the union of A_p - B_p, each ' +
        'computed by a worker of its own. A run chooses by the bytes that it moves: alone in one worker, by marks of ' +
        'readers who know A, or by sorting both sides; the answer is the same. What a step writes depends on the run ' +
        'and the unit only: a repeated run gives the same bytes, and redoes only what is not there.',
      properties: [
        'documents in the answer that should not be, and the reverse',
        'partitions that are subtracted independently',
        'difference that a killed worker makes to the repeated run’s result',
      ],
    },
    {
      n: 4,
      text: 'Store Missed in a key-value store or a queue',
      answer:
        'The missed IDs go to S3 first, then to a queue with a dead-letter queue: once found, a document is safe, ' +
        'whatever becomes of the sender.',
      properties: ['missed documents left behind by a sender that died'],
    },
    {
      n: 5,
      text: 'Trigger the notification again for each missed document',
      answer:
        'A conditional write claims the document, the notification service gets its ID as the idempotency key, and ' +
        'a record remembers it across runs: however often a message, a worker or a run is repeated, it is sent once.',
      properties: [
        'sends beyond one for a missed document, after crashes and repeated runs',
        'calls of the notification service for documents that an earlier run sent',
      ],
    },
  ],
} as const satisfies Question;
