import type { Question } from '../../kit/question.ts';

/** The seconds of a month of 30 days, in which `designs diff` prices a load. */
export const seconds = 30 * 86_400;

export const question = {
  number: 18,
  slug: 'friends-counter',
  title: 'Posts with a friends counter',
  ask:
    "A post is shown with its author's number of friends. Given a users table and a friends table, define the " +
    'schema: how do you find the friends counter?',
  load: {
    users: { value: 1_000_000, unit: 'users' },
    friends: { value: 200, unit: 'friends/user' },
    views: { value: 500, unit: 'views of posts/second' },
    changes: { value: 5, unit: 'friendships made or ended/second' },
    /** Of one post, when everybody looks at it. */
    viralViews: { value: 20_000, unit: 'views/second of one post' },
    /** A side of a friendship: both IDs, its state and what is counted of it. */
    sideBytes: { value: 100, unit: 'bytes/side' },
    /** Where a counter is so hot that its changes are counted in batches. */
    celebrityFriends: { value: 1_000, unit: 'friends from which a user is a celebrity' },
    /** All of it in the environment: a browser keeps by whole seconds, and there is none left when a view was read. */
    keptMs: { value: 1_000, unit: 'milliseconds that a view may be old' },
    handlerMs: { value: 10, unit: 'milliseconds/request, an assumption' },
  },
  variants: ['naive', 'bare-add', 'improved'],
  points: [
    {
      n: 1,
      text: 'A separate friends-counter table',
      answer:
        'Tables: users (key user: name); friends (key user, sort other: state, counted, revision), one item for each of ' +
        'the two sides of a friendship; counters (key user: friends, epoch); posts (key user, sort post: text). Access: ' +
        'show a post by its key and its author’s counter by the author; list friends by a query of the user; ask ' +
        'whether two are friends by the key of a side; no further index. A post and its author’s counter are two items of half a read unit each, whatever the ' +
        'friends, kept for a second in each environment, by no browser (max-age=0). Making a friendship writes both sides and both counters in one ' +
        'transaction, in canonical order, each side only over the revision that was read: (A, B), (B, A) and a retry ' +
        'count once. A side knows what its counter holds for it; so a celebrity’s sides can be counted later, in batches, ' +
        'from the stream, and a user is switched over in the midst of traffic by nothing but the size of the counter. ' +
        'A repair job recounts under a fence and adds the difference.',
      properties: [
        'friends counted wrongly after concurrent changes, retries and crashes',
        'friends of a celebrity counted wrongly after the switch to the stream and back, under traffic',
        'friendships that only one of the two has',
        'capacity that a post reads when its author has 10 friends',
        'capacity that a post reads when its author has 1,000 friends',
        'writes of a celebrity’s counter for each new friend',
        'friends that damaged counters are still wrong by after the repair job ran under traffic',
        'capacity read for a view of a post that is viewed again and again',
        'capacity read from the hottest partition of a viral post',
      ],
    },
    {
      n: 2,
      text: 'A join of users and friends',
      answer:
        'The join is always right and needs nothing but the friends themselves: for ten friends it costs what a counter ' +
        'does. It reads every friend for every view: a query of the author’s partition costs half a unit for each 4 KB, ' +
        'in SQL the same join visits every row of the author’s range of the index. So the design joins when somebody ' +
        'asks who the friends are, and when the repair job recounts; not when a post is shown. In SQL the counter is a ' +
        'row that the same transaction updates, and joined by its primary key.',
      properties: [
        'capacity that a post reads when its author has 5,000 friends',
        'rows that SQL visits for a post whose author has 5,000 friends',
      ],
    },
  ],
} as const satisfies Question;
