import type { Question } from '../../kit/question.ts';

/** The days of a month, the unit in which `designs diff` prices a load. */
export const days = 30;

export const question = {
  number: 11,
  slug: 'idempotent-apis',
  title: 'Idempotent APIs',
  ask:
    'Clients retry when a reply is lost. Design an API that has its effect once, however often the same request ' +
    'arrives.',
  load: {
    charges: { value: 100_000, unit: 'charges/day' },
    cardShare: { value: 0.5, unit: 'cards/charge' },
    duplicates: { value: 0.05, unit: 'duplicates/charge' },
    reads: { value: 2, unit: 'reads/charge' },
    cancellations: { value: 0.02, unit: 'cancellations/charge' },
    itemBytes: { value: 500, unit: 'bytes/charge' },
    /** What a function and a card network take; stated assumptions, to be measured on an account. */
    ownSeconds: { value: 0.03, unit: 'seconds/request' },
    networkSeconds: { value: 0.4, unit: 'seconds/card' },
  },
  variants: ['naive', 'wrapped', 'improved'],
  points: [
    {
      n: 1,
      text: 'A unique idempotency key',
      answer:
        'The client makes a key, such as a UUID, and sends it in the header Idempotency-Key with every retry (the IETF ' +
        'draft, Stripe). The key is the primary key of an item that only one transaction can write: of 50 duplicates ' +
        'at once one charges. A request without one is refused with 400, another payload under a used key with 422: ' +
        'the item keeps a hash of the canonical payload (RFC 8785). A key is its caller’s own, the IAM identity that ' +
        'signed, and its route’s: nobody gets the reply to another’s. It is remembered for 24 hours by a condition, not ' +
        'by TTL.',
      properties: [
        'charges per key under parallel duplicates',
        'requests without a key, or with another payload under it, that are not refused',
      ],
    },
    {
      n: 2,
      text: 'Safe HTTP methods',
      answer:
        'RFC 9110 calls GET, HEAD, OPTIONS and TRACE safe: they ask for no change (9.2.1). PUT, DELETE and the safe ' +
        'ones are idempotent: done twice, they mean to have the effect of once (9.2.2). So DELETE is idempotent and not ' +
        'safe, and neither comes by itself. GET’s role may not write at all. DELETE sets a state, and the network ' +
        'refunds under the charge’s own ID, so that it needs no key. POST is neither, and gets one.',
      properties: ['items that GET changes', 'refunds of a charge that is deleted three times'],
    },
    {
      n: 3,
      text: 'Retries return the same result',
      answer:
        'The reply (status, headers, body, a 402 or 502 too) is stored in the transaction that writes the charge: after ' +
        'a crash at any call our tables hold both or neither, and a retry gets the first reply byte for byte with ' +
        'Idempotency-Replayed: true. A card is charged before that, in the network’s books; who dies in between leaves ' +
        'the key to the next one, whom the network answers the same (point 5). A library around the charge stores the reply after it, and charges again when the ' +
        'function dies in between. While the first one runs, the others get 409 with Retry-After.',
      properties: [
        'charges per key under crashes and lost replies',
        'replies to retries that differ from the first one',
      ],
    },
    {
      n: 4,
      text: 'A strongly consistent database: unique constraints',
      answer:
        'One customer for each email is an item under the email, written on the condition that it is free or theirs, in ' +
        'the transaction that charges: two customers who look at once both see that it is free, but only one can write ' +
        'it. DynamoDB keeps nothing unique but primary keys, and a read before the write or a secondary index cannot ' +
        'stand in for one.',
      properties: ['customers who share an email after they came at once'],
    },
    {
      n: 5,
      text: 'Distributed locks against races',
      answer:
        'The card network cannot join a transaction of ours. The key’s item is a lock with a lease, so that a dead ' +
        'owner does not hold it for ever; but a lock that can lapse does not keep a slow owner’s call from arriving late. ' +
        'So each owner gets a higher fencing token and asks once, since what the SDK repeats would bear the same token; ' +
        'the network refuses those lower than one that it answered, and settling is conditional on the owner and its token. ' +
        'The network’s key is the charge’s ID, which the first claim stores: every owner asks for the same charge. A call ' +
        'that only arrives stops none that is under way: each would stop the one before, and an issuer slower than the ' +
        'lease would never charge. So that issuer’s answer waits for a later owner. What remains: an issuer that needs ' +
        'more than the 29 seconds that the network waits, or more than our 10 to say that it is down, is asked again ' +
        'with each lease; the client gets 409s and timeouts until a call is answered, and nothing is charged before.',
      properties: [
        'charges per key when the card network is slower than the lock',
        'cards charged after a reply that says they were not',
      ],
    },
  ],
} as const satisfies Question;
