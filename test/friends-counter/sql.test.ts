import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { queries, type QueryName, schema, sql } from '../../clients/friends-counter/sql.ts';

const names = Object.keys(queries) as QueryName[];

/** An author with so many friends, each of whom has the author and one more. */
function authorWith(friends: number, tables = schema) {
  const database = sql(tables);
  const others = Array.from({ length: friends }, (_, n) => `friend-${n}`);
  database.register(['author', 'neighbour', ...others]);
  database.befriend('author', others);
  database.befriend('neighbour', others);
  database.publish('author', 'post', 'text');
  return database;
}

describe('a post in SQL', () => {
  it.each([0, 10, 1_000, 5_000])('shows %i friends, by the join and by the counter', (friends) => {
    const database = authorWith(friends);
    for (const name of names) expect(database.view(name, 'author', 'post').friends).toBe(friends);
  });

  it.each([10, 1_000, 5_000])(
    'visits each of %i friends by the join, and one row a table by the counter',
    (friends) => {
      const database = authorWith(friends);
      expect(database.view('join', 'author', 'post').visited).toEqual({ posts: 1, users: 1, friends });
      expect(database.view('counter', 'author', 'post').visited).toEqual({ posts: 1, users: 1, counters: 1 });
    },
  );

  it('finds every table by its key, and scans none', () => {
    const database = authorWith(10);
    for (const name of names) {
      const { plan } = database.view(name, 'author', 'post');
      expect(plan.filter((line) => line.startsWith('SEARCH'))).toHaveLength(3);
      expect(plan.filter((line) => line.startsWith('SCAN'))).toEqual([]);
    }
  });

  it('visits everybody’s friends without the key: what is counted are rows that SQLite looks at', () => {
    const keyless = schema.replaceAll(/,?\s*PRIMARY KEY \(user, other\)\s*\) WITHOUT ROWID/g, ')');
    expect(keyless).not.toBe(schema);
    const database = authorWith(100, keyless);
    const { visited, friends, plan } = database.view('join', 'author', 'post');
    expect(friends).toBe(100);
    // SQLite makes itself an index for the query, or looks at all 400 rows.
    expect(plan.join('\n')).toMatch(/SCAN f|AUTOMATIC/);
    expect(visited['friends']).toBeGreaterThanOrEqual(100);
  });

  it('says which post there is none of', () => {
    expect(() => sql().view('join', 'nobody', 'post')).toThrow('user nobody has no post post: publish it first');
  });
});

const person = fc.constantFrom('a', 'b', 'c', 'd');
const event = fc
  .record({ do: fc.constantFrom('befriend' as const, 'unfriend' as const), user: person, other: person })
  .filter(({ user, other }) => user !== other);

test.prop([fc.array(event, { maxLength: 50 })])('the join and the counter agree after any changes', (events) => {
  const database = sql();
  const people = ['a', 'b', 'c', 'd'];
  database.register(people);
  for (const user of people) database.publish(user, 'post', 'text');
  for (const { do: what, user, other } of events) {
    if (what === 'befriend') database.befriend(user, [other]);
    else database.unfriend(user, other);
  }
  for (const user of people) {
    const [join, counter] = names.map((name) => database.view(name, user, 'post').friends);
    expect(counter).toBe(join);
  }
  database.close();
});
