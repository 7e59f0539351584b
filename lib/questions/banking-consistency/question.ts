import type { Question } from '../../kit/question.ts';

/** The days of a month, the unit in which `designs diff` prices a load. */
export const days = 30;

export const question = {
  number: 13,
  slug: 'banking-consistency',
  title: 'Strong consistency for banking',
  ask: 'Why does a banking application need strong consistency, and what goes wrong without it?',
  load: {
    accounts: { value: 100_000, unit: 'accounts' },
    transfers: { value: 1_000_000, unit: 'transfers/day' },
    reads: { value: 5_000_000, unit: 'balances read/day' },
    hotTransfers: { value: 1_000, unit: 'transfers/second into one account, at the peak' },
    itemBytes: { value: 250, unit: 'bytes/item' },
    /** Of the entries' stream: one for each partition of the table, of which a new one on demand has four. */
    shards: { value: 4, unit: 'shards' },
    /** Of the archive: what many jurisdictions ask of books and records; a stated assumption. */
    retention: { value: 7, unit: 'years' },
    /** What a function needs for one request, most of it waiting; a stated assumption. */
    requestTime: { value: 0.05, unit: 'seconds/request' },
  },
  variants: ['naive', 'improved'],
  points: [
    {
      n: 1,
      text: 'Prevents double spending',
      answer:
        'What is spent is decided on balances that were read together, and posted on the condition that they have not ' +
        'changed since and are still enough: of two that spend the same money one finds it gone. The transfer’s own ' +
        'record is part of the same transaction, so that an id takes effect once, however often it is sent; a refusal ' +
        'is recorded too, for an attempt that was slow must not succeed after its client was told no.',
      properties: ['spent beyond what an account had', 'effects of a transfer beyond one'],
    },
    {
      n: 2,
      text: 'Ensures accurate balances',
      answer:
        'Double entry: a transfer is one transaction of both balances and an entry for each, in whole minor units of one ' +
        'currency. Money only moves, the sum of all balances is zero, and every balance is the sum of its entries, ' +
        'wherever a function is killed.',
      properties: ['money created or destroyed', 'balances that are not the sum of their entries'],
    },
    {
      n: 3,
      text: 'Compliance: record-keeping, transaction integrity, auditable history',
      answer:
        'The stream of the entries’ table goes into slots of a bucket whose versions nobody can delete, each with the ' +
        'hash of the one before. An audit, every night from where the last one came to and by `designs audit` over ' +
        'all of it, walks the chain, adds every entry again, compares with the ledger and the balances, and names ' +
        'the first broken link.',
      properties: [
        'entries that the archive lacks or repeats after killed archivers',
        'transfers without a record after somebody deleted what can be deleted',
        'tampering that no audit names',
      ],
    },
    {
      n: 4,
      text: 'Avoids races across nodes',
      answer:
        'Every function may serve every account: what decides is read in a transaction and checked by version when it is ' +
        'written, so that all nodes agree on one order, which is also the order in which clients saw things happen. Who ' +
        'lost a race reads again, after a random wait, and is told to come back after ten. An account that very many pay ' +
        'into is kept in parts, of which each attempt takes one at random, also to pay out of. Its price: all parts ' +
        'are seldom at rest together at the peak, so that a refusal may have to be asked for again, and a look at it ' +
        'may show its parts one by one, and says so.',
      properties: [
        'histories that no serial order explains',
        'transfers a second that one hot account takes and keeps',
      ],
    },
  ],
} as const satisfies Question;
