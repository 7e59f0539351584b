import { fc, test } from '@fast-check/vitest';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, vi } from 'vitest';
import { sql } from '../../clients/friends-counter/sql.ts';
import { inSql, question } from '../../lib/questions/friends-counter/question.ts';

const queries = [inSql.join, inSql.counter] as const;

/** An author with so many friends, each of whom has the author and one more. */
function authorWith(friends: number, schema: string = inSql.schema) {
  const database = sql({ ...inSql, schema });
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
    for (const query of queries) expect(database.view(query, 'author', 'post').friends).toBe(friends);
  });

  it.each([10, 1_000, 5_000])(
    'visits each of %i friends by the join, and one row a table by the counter',
    (friends) => {
      const database = authorWith(friends);
      expect(database.view(inSql.join, 'author', 'post').visited).toEqual({ posts: 1, users: 1, friends });
      expect(database.view(inSql.counter, 'author', 'post').visited).toEqual({ posts: 1, users: 1, counters: 1 });
    },
  );

  it('finds every table by its key, and scans none', () => {
    const database = authorWith(10);
    for (const query of queries) {
      const { plan } = database.view(query, 'author', 'post');
      expect(plan.filter((line) => line.startsWith('SEARCH'))).toHaveLength(3);
      expect(plan.filter((line) => line.startsWith('SCAN'))).toEqual([]);
    }
  });

  it('is found in the same way whether rows are counted or not', () => {
    const database = authorWith(10);
    for (const query of queries) {
      const { plan, measuredPlan } = database.view(query, 'author', 'post');
      // By table there, by its first letter here.
      expect(measuredPlan.map((line) => line.replace(/main\.(\w)\w*/, '$1'))).toEqual(plan);
    }
  });

  it.each([
    ['friends', ', PRIMARY KEY (user, other)\n) WITHOUT ROWID', ')', inSql.join],
    [
      'counters',
      'counters (user TEXT PRIMARY KEY REFERENCES users, friends INTEGER NOT NULL) WITHOUT ROWID',
      'counters (user TEXT, friends INTEGER)',
      inSql.counter,
    ],
  ] as const)('visits everybody’s %s without their key', (table, keyed, keyless, query) => {
    expect(inSql.schema).toContain(keyed);
    const database = authorWith(100, inSql.schema.replace(keyed, keyless));
    const { visited, friends } = database.view(query, 'author', 'post');
    expect(friends).toBe(100);
    // 400 sides, 102 counters.
    expect(visited[table]).toBe(table === 'friends' ? 400 : 102);
  });

  it('is run by the texts that the page shows, word by word', () => {
    const shown = question.points.map(({ answer }) => answer.replaceAll(/^ {4}/gm, '')).join('\n');
    for (const text of Object.values(inSql)) expect(shown).toContain(text);
    const prepared = [vi.spyOn(DatabaseSync.prototype, 'prepare'), vi.spyOn(DatabaseSync.prototype, 'exec')];
    try {
      const database = authorWith(2);
      database.unfriend('author', 'friend-0');
      for (const query of queries) database.view(query, 'author', 'post');
      const run = prepared.flatMap(({ mock }) => mock.calls.map(([text]) => text)).join('\n');
      for (const text of Object.values(inSql)) expect(run).toContain(text);
    } finally {
      for (const spy of prepared) spy.mockRestore();
    }
  });

  it('changes nothing when a statement of a transaction fails', () => {
    const database = authorWith(1);
    expect(() => database.befriend('author', ['nobody'])).toThrow('FOREIGN KEY');
    database.befriend('author', ['neighbour']);
    for (const query of queries) expect(database.view(query, 'author', 'post').friends).toBe(2);
  });

  it('says which post there is none of', () => {
    expect(() => sql(inSql).view(inSql.join, 'nobody', 'post')).toThrow(
      'user nobody has no post post: publish it first',
    );
  });
});

const person = fc.constantFrom('a', 'b', 'c', 'd');
const event = fc
  .record({ do: fc.constantFrom('befriend' as const, 'unfriend' as const), user: person, other: person })
  .filter(({ user, other }) => user !== other);

test.prop([fc.array(event, { maxLength: 50 })])('the join and the counter agree after any changes', (events) => {
  const database = sql(inSql);
  const people = ['a', 'b', 'c', 'd'];
  database.register(people);
  for (const user of people) database.publish(user, 'post', 'text');
  for (const { do: what, user, other } of events) {
    if (what === 'befriend') database.befriend(user, [other]);
    else database.unfriend(user, other);
  }
  for (const user of people) {
    const [join, counter] = queries.map((query) => database.view(query, user, 'post').friends);
    expect(counter).toBe(join);
  }
  database.close();
});
