import type { Question } from '../../kit/question.ts';

/** The seconds of a month of 30 days, in which `designs diff` prices a load. */
export const seconds = 30 * 86_400;

/** The tables of DynamoDB: each attribute with its type (S text, N number, SS set of texts) and what it says; keys first. */
export const tables = {
  users: { user: 'S, partition key: the ID', name: 'S: as it is shown' },
  friends: {
    user: 'S, partition key: whose side of the friendship it is',
    other: 'S, sort key: whom with',
    state: 'S: friends, blocked (user has blocked other) or none',
    counted: 'N: 1 when the counter of user holds this side, 0 when not',
    epoch: 'N: that of the counter when counted last changed',
    before: 'N: what counted was when that epoch began, which a recount adds up',
    revision: 'N: how often the side was written; each write is over the one that was read',
    expires: 'N: seconds since 1970, 30 days on, only where state is none and counted is 0; DynamoDB deletes it then',
  },
  counters: {
    user: 'S, partition key: whose friends they are',
    friends: 'N: their number, which is the sum of counted of the user’s sides',
    epoch: 'N: counts recounts up, absent before the first; a transaction that read another one is refused',
    version: 'N: how often the counter was written',
    corrected: 'N: the epoch of the last correction; there is one in an epoch',
  },
  posts: { user: 'S, partition key: the author', post: 'S, sort key: the ID', text: 'S: what is shown' },
  repairs: {
    job: 'S, partition key: friends, which is all',
    from: 'S: the user after whom the round goes on; absent when one begins',
    left: 'SS: users whose repair failed, with whom the next run begins',
  },
} as const;

/** What is asked of the tables, by which key; no table has another index. */
export const accesses = {
  'register a user': ['PutItem users by user'],
  'publish a post': ['GetItem users by user', 'PutItem posts by user, post'],
  'show a post with its author’s friends': ['GetItem posts by user, post', 'GetItem counters by user'],
  'make or end a friendship or a block': [
    'BatchGetItem users by user',
    'BatchGetItem friends by user, other',
    'BatchGetItem counters by user',
    'TransactWriteItems: Put friends by user, other',
    'TransactWriteItems: ConditionCheck friends by user, other',
    'TransactWriteItems: Update counters by user',
  ],
  'count the sides of a user that were left to the stream': [
    'BatchGetItem friends by user, other',
    'BatchGetItem counters by user',
    'TransactWriteItems: Put friends by user, other',
    'TransactWriteItems: Update counters by user',
  ],
  'recount the friends of a user, which is the join': ['UpdateItem counters by user', 'Query friends by user'],
  'go through all users': ['GetItem repairs by job', 'Scan users', 'UpdateItem repairs by job'],
} as const;

/** The same in SQL, as SQLite runs it in the proof and the tests: see clients/friends-counter/sql.ts. */
export const inSql = {
  schema: `CREATE TABLE users (user TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE friends (
  user TEXT NOT NULL REFERENCES users, other TEXT NOT NULL REFERENCES users, PRIMARY KEY (user, other)
) WITHOUT ROWID;
CREATE TABLE counters (user TEXT PRIMARY KEY REFERENCES users, friends INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE posts (
  user TEXT NOT NULL REFERENCES users, post TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (user, post)
) WITHOUT ROWID;`,
  join: `SELECT p.text, u.name, count(f.other) AS friends
FROM posts p
JOIN users u ON u.user = p.user
LEFT JOIN friends f ON f.user = u.user
WHERE p.user = :user AND p.post = :post
GROUP BY p.user, p.post;`,
  counter: `SELECT p.text, u.name, c.friends
FROM posts p
JOIN users u ON u.user = p.user
JOIN counters c ON c.user = u.user
WHERE p.user = :user AND p.post = :post;`,
  register: `BEGIN IMMEDIATE;
INSERT INTO users VALUES (:user, :name);
INSERT INTO counters VALUES (:user, 0);
COMMIT;`,
  befriend: `BEGIN IMMEDIATE;
INSERT INTO friends VALUES (:user, :other), (:other, :user) ON CONFLICT DO NOTHING;
UPDATE counters SET friends = friends + 1 WHERE changes() = 2 AND user IN (:user, :other);
COMMIT;`,
  unfriend: `BEGIN IMMEDIATE;
DELETE FROM friends WHERE (user, other) IN (VALUES (:user, :other), (:other, :user));
UPDATE counters SET friends = friends - 1 WHERE changes() = 2 AND user IN (:user, :other);
COMMIT;`,
  publish: `INSERT INTO posts VALUES (:user, :post, :text);`,
} as const;

/** As Markdown, which `designs diff` and the page's diff render; a paragraph of the page shows it as one. */
const schema = Object.entries(tables)
  .flatMap(([table, attributes]) => [
    `- Table ${table}:`,
    ...Object.entries(attributes).map(([name, says]) => `  - ${name}, ${says}`),
  ])
  .join('\n');

const calls = Object.entries(accesses)
  .map(([does, calls]) => `- To ${does}: ${calls.join('; ')}.`)
  .join('\n');

const code = (...texts: readonly string[]) => texts.join('\n\n').replaceAll(/^(?=.)/gm, '    ');

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
      answer: [
        'A counter a user, beside an item for each of the two sides of a friendship. A post and its author’s counter are ' +
          'two items of half a read unit each, whatever the friends, kept for a second in each environment, by no browser ' +
          '(max-age=0). Making a friendship writes both sides and both counters in one transaction, in canonical order, ' +
          'each side only over the revision that was read: (A, B), (B, A) and a retry count once. A side knows what its ' +
          'counter holds for it; so a celebrity’s sides can be counted later, in batches, from the stream, and a user is ' +
          'switched over in the midst of traffic by nothing but the size of the counter. A repair job recounts under a ' +
          'fence and adds the difference.',
        'The tables (S text, N number, SS set of texts):',
        schema,
        'What is asked of them, by these keys; there is no further index. The query that recounts also tells who the ' +
          'friends are, and the key of a side whether two are friends: the API has no route for either.',
        calls,
      ].join('\n\n'),
      properties: [
        'friends counted wrongly after concurrent changes, retries and crashes',
        'friends of a celebrity counted wrongly after the switch to the stream and back, under traffic',
        'friendships that only one of the two has',
        'capacity that a post reads when its author has 10 friends',
        'capacity that a post reads when its author has 1,000 friends',
        'writes of a celebrity’s counter for each new friend',
        'friends that damaged counters are still wrong by after the repair job ran under traffic',
        'friends that a repaired counter is wrong by when friends come between its fence and its reading',
        'friends that a repaired counter is wrong by when its fence falls between a request’s reading and its writing',
        'capacity read for a view of a post that is viewed again and again',
        'capacity read from the hottest partition of a viral post',
      ],
    },
    {
      n: 2,
      text: 'A join of users and friends',
      answer: [
        'The join is always right and needs nothing but the friends themselves: for ten friends it costs what a counter ' +
          'does. It reads every friend for every view: a query of the author’s partition costs half a unit for each 4 KB, ' +
          'in SQL the same join visits every row of the author’s range of the index. So the design joins when the repair ' +
          'job recounts, not when a post is shown.',
        'In SQL the tables have the same keys, which are their only indexes; what blocks, the stream and the repair job need is left out:',
        code(inSql.schema),
        'A post with its author’s friends, by the join:',
        code(inSql.join),
        'The same by the counter, a row more instead of a row for each friend:',
        code(inSql.counter),
        'Who registers gets a counter; who makes or ends a friendship writes both sides and both counters in one ' +
          'transaction, which counts only what it wrote: changes() is how many rows the statement before it wrote, for ' +
          'which other databases tell their client.',
        code(inSql.register, inSql.befriend, inSql.unfriend, inSql.publish),
      ].join('\n\n'),
      properties: [
        'capacity that a post reads when its author has 5,000 friends',
        'rows that SQL visits for a post whose author has 5,000 friends',
      ],
    },
  ],
} as const satisfies Question;
