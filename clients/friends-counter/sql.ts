/**
 * The same schema in SQL, on SQLite, which Node has built in: what the join and the counter cost there, in rows that the
 * engine really visits.
 */

import { DatabaseSync } from 'node:sqlite';

export const schema = `
  CREATE TABLE users (user TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE friends (
    user TEXT NOT NULL REFERENCES users, other TEXT NOT NULL REFERENCES users, PRIMARY KEY (user, other)
  ) WITHOUT ROWID;
  CREATE TABLE counters (user TEXT PRIMARY KEY REFERENCES users, friends INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE posts (
    user TEXT NOT NULL REFERENCES users, post TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (user, post)
  ) WITHOUT ROWID;`;

/** A post with its author's name and friends. `visited(table)` is called for each row that the engine looks at. */
export const queries = {
  join: `
    SELECT p.text, u.name, count(f.other) AS friends
    FROM posts p
    JOIN users u ON u.user = p.user AND visited('users')
    LEFT JOIN friends f ON f.user = u.user AND visited('friends', f.other)
    WHERE p.user = :user AND p.post = :post AND visited('posts')
    GROUP BY p.user, p.post`,
  counter: `
    SELECT p.text, u.name, coalesce(c.friends, 0) AS friends
    FROM posts p
    JOIN users u ON u.user = p.user AND visited('users')
    LEFT JOIN counters c ON c.user = u.user AND visited('counters', c.friends)
    WHERE p.user = :user AND p.post = :post AND visited('posts')`,
} as const;

export type QueryName = keyof typeof queries;

export function isQuery(name: string): name is QueryName {
  return Object.hasOwn(queries, name);
}

export interface SqlView {
  readonly friends: number;
  /** Rows of each table that the engine looked at. */
  readonly visited: Readonly<Record<string, number>>;
  /** How the engine goes about it: a line for each table. */
  readonly plan: readonly string[];
}

export type Sql = ReturnType<typeof sql>;

/** A database in memory. `tables` replaces the schema, such as by one without keys. */
export function sql(tables = schema) {
  const database = new DatabaseSync(':memory:');
  database.exec(tables);
  let visited: Record<string, number> = {};
  // Not deterministic: SQLite would call it once for all rows.
  database.function('visited', { varargs: true }, (table) => {
    visited[String(table)] = (visited[String(table)] ?? 0) + 1;
    return 1;
  });
  const insert = {
    user: database.prepare('INSERT OR IGNORE INTO users VALUES (?, ?)'),
    side: database.prepare('INSERT OR IGNORE INTO friends VALUES (?, ?)'),
    counted: database.prepare(
      'INSERT INTO counters VALUES (?, 1) ON CONFLICT (user) DO UPDATE SET friends = friends + 1',
    ),
    unside: database.prepare('DELETE FROM friends WHERE user = ? AND other = ?'),
    uncounted: database.prepare('UPDATE counters SET friends = friends - 1 WHERE user = ?'),
    post: database.prepare('INSERT OR REPLACE INTO posts VALUES (?, ?, ?)'),
  };
  const transaction = <Result>(work: () => Result): Result => {
    database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
  };
  const both = (user: string, other: string) =>
    [
      [user, other],
      [other, user],
    ] as const;

  return {
    register: (users: readonly string[]) =>
      transaction(() => {
        for (const user of users) insert.user.run(user, user);
      }),

    publish: (user: string, post: string, text: string) => void insert.post.run(user, post, text),

    /** Both sides and both counters, in one transaction; a row that is there already counts nothing. */
    befriend: (user: string, others: readonly string[]) =>
      transaction(() => {
        for (const other of others) {
          for (const [a, b] of both(user, other)) if (insert.side.run(a, b).changes === 1) insert.counted.run(a);
        }
      }),

    unfriend: (user: string, other: string) =>
      transaction(() => {
        for (const [a, b] of both(user, other)) if (insert.unside.run(a, b).changes === 1) insert.uncounted.run(a);
      }),

    view(query: QueryName, user: string, post: string): SqlView {
      visited = {};
      const text = queries[query];
      const row = database.prepare(text).get({ user, post });
      if (row === undefined) throw new Error(`user ${user} has no post ${post}: publish it first`);
      const counted = visited;
      const plan = database.prepare(`EXPLAIN QUERY PLAN ${text}`).all({ user, post });
      return { friends: Number(row['friends']), visited: counted, plan: plan.map(({ detail }) => String(detail)) };
    },

    close: () => database.close(),
  };
}
