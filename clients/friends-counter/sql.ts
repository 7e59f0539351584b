/**
 * The same schema in SQL, on SQLite, which Node has built in: what the join and the counter cost there, in rows that the
 * engine really visits.
 */

import { DatabaseSync, type StatementSync } from 'node:sqlite';

/** What is run, word by word: a text is one statement or several, each of which ends with `;` at the end of a line. */
export interface SqlTexts {
  readonly schema: string;
  readonly register: string;
  readonly befriend: string;
  readonly unfriend: string;
  readonly publish: string;
}

export interface SqlView {
  readonly friends: number;
  /** Rows of each table that the engine looked at. */
  readonly visited: Readonly<Record<string, number>>;
  /** How the engine goes about it: a line for each table. */
  readonly plan: readonly string[];
  /** The same while rows were counted. */
  readonly measuredPlan: readonly string[];
}

/** A column that every row of the table has, by table: what a measured view hands to SQLite with each row. */
const tellTale = { users: 'user', friends: 'other', counters: 'user', posts: 'post' } as const;

/** A database in memory. */
export function sql(texts: SqlTexts) {
  const database = new DatabaseSync(':memory:');
  database.exec(texts.schema);
  let visited: Record<string, number> = {};
  // Not deterministic: SQLite would call it once for all rows.
  database.function('visited', { varargs: true }, (table) => {
    visited[String(table)] = (visited[String(table)] ?? 0) + 1;
    return 1;
  });

  function prepared(text: string): readonly StatementSync[] {
    return text.split(/(?<=;)\n/).map((statement) => {
      const one = database.prepare(statement);
      // COMMIT takes none of a text's parameters.
      one.setAllowUnknownNamedParameters(true);
      return one;
    });
  }

  function run(text: string, each: readonly Readonly<Record<string, string>>[]): void {
    const statements = prepared(text);
    for (const parameters of each) {
      try {
        for (const statement of statements) statement.run(parameters);
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    }
  }

  /**
   * Does the work on views that have the tables' names and notice every row that SQLite looks at: a query's text stays
   * what it is, and its plan too, since nothing is filtered out and SQLite is told so.
   */
  function measured<Result>(work: () => Result): Result {
    const views = Object.entries(tellTale);
    for (const [table, column] of views) {
      database.exec(
        `CREATE TEMP VIEW ${table} AS
         SELECT * FROM main.${table} WHERE likelihood(visited('${table}', ${column}), 1.0)`,
      );
    }
    try {
      return work();
    } finally {
      for (const [table] of views) database.exec(`DROP VIEW temp.${table}`);
    }
  }

  return {
    register: (users: readonly string[]) =>
      run(
        texts.register,
        users.map((user) => ({ user, name: user })),
      ),

    publish: (user: string, post: string, text: string) => run(texts.publish, [{ user, post, text }]),

    befriend: (user: string, others: readonly string[]) =>
      run(
        texts.befriend,
        others.map((other) => ({ user, other })),
      ),

    unfriend: (user: string, other: string) => run(texts.unfriend, [{ user, other }]),

    /** A post by such a query as the page shows. */
    view(query: string, user: string, post: string): SqlView {
      const plan = () =>
        database
          .prepare(`EXPLAIN QUERY PLAN ${query}`)
          .all({ user, post })
          .map(({ detail }) => String(detail));
      const { row, measuredPlan } = measured(() => {
        visited = {};
        // All there are: a scan would end early with the first.
        const [row] = database.prepare(query).all({ user, post });
        return { row, measuredPlan: plan() };
      });
      if (row === undefined) throw new Error(`user ${user} has no post ${post}: publish it first`);
      return { friends: Number(row['friends']), visited, plan: plan(), measuredPlan };
    },

    close: () => database.close(),
  };
}
