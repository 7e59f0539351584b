import { describe, expect, it } from 'vitest';
import { type Answers, choose, type QuestionName, questions } from '../../../engines/consistency/choose.ts';
import { prices } from '../../../engines/estimate/prices.ts';

const names = Object.keys(questions) as QuestionName[];

/** Every way to answer the five questions. */
const paths = names.reduce<readonly Partial<Answers>[]>(
  (all, name) => all.flatMap((path) => questions[name].answers.map((answer) => ({ ...path, [name]: answer }))),
  [{}],
) as readonly Answers[];

const easy: Answers = { stale: 'minute', money: 'no', 'own-writes': 'no', deadline: 'none', hot: 'no' };

describe('the choice', () => {
  it('asks five questions, and has 48 paths', () => {
    expect(names).toHaveLength(5);
    expect(new Set(paths.map((path) => JSON.stringify(path))).size).toBe(48);
  });

  it.each(paths)('is consistent in itself for %j', (answers) => {
    const { consistency, reason, read, write, cautions } = choose(answers);
    const strong = answers.money === 'yes' || answers.stale === 'never' || answers['own-writes'] === 'yes';
    expect(consistency).toBe(strong ? 'strong' : 'eventual');
    expect(read.setting.includes('ConsistentRead: true')).toBe(strong);
    expect(write.setting.includes('TransactWriteItems')).toBe(answers.money === 'yes');
    expect(write.setting.includes('ConditionExpression')).toBe(strong);
    expect(write.setting.includes('SQS')).toBe(!strong && answers.hot === 'yes');
    expect(read.setting.includes('cache')).toBe(!strong && answers.deadline === '20ms');
    expect(cautions.some((caution) => caution.includes('20 ms'))).toBe(strong && answers.deadline === '20ms');
    expect(cautions.some((caution) => caution.includes('declared fallback'))).toBe(
      !strong && answers.deadline === '20ms' && answers.stale === 'second',
    );
    expect(cautions.some((caution) => caution.includes('1,000 write units'))).toBe(strong && answers.hot === 'yes');
    expect(cautions.some((caution) => caution.includes('batching window'))).toBe(!strong && answers.hot === 'yes');
    for (const text of [reason, read.why, write.why, ...cautions]) expect(text).toMatch(/^[a-z].{20,}[^.]$/);
  });

  it.each<[Partial<Answers>, string]>([
    [{ money: 'yes', stale: 'never', 'own-writes': 'yes' }, 'spent twice'],
    [{ stale: 'never', 'own-writes': 'yes' }, 'never be older'],
    [{ 'own-writes': 'yes' }, 'whoever wrote looks at once'],
    [{}, 'may be a minute old'],
    [{ stale: 'second' }, 'may be a second old'],
  ])('gives the weightiest reason: %j', (answers, reason) => {
    expect(choose({ ...easy, ...answers }).reason).toContain(reason);
  });

  it('tells the three cases of the question apart', () => {
    const banking = choose({ stale: 'never', money: 'yes', 'own-writes': 'yes', deadline: 'none', hot: 'no' });
    const clicks = choose({ ...easy, hot: 'yes' });
    const quick = choose({ ...easy, deadline: '20ms' });
    expect([banking, clicks, quick].map(({ consistency }) => consistency)).toEqual(['strong', 'eventual', 'eventual']);
    expect(new Set([banking, clicks, quick].map(({ write, read }) => write.does + read.does)).size).toBe(3);
  });

  it('says what can be had for less', () => {
    expect(choose({ ...easy, 'own-writes': 'yes' }).cautions).toEqual([expect.stringContaining('ReturnValues')]);
    expect(choose({ ...easy, money: 'yes' }).cautions).toEqual([expect.stringContaining('half the price')]);
    expect(choose({ ...easy, money: 'yes', stale: 'never' }).cautions).toEqual([]);
    expect(choose({ ...easy, stale: 'never', 'own-writes': 'yes' }).cautions).toEqual([]);
  });

  it('prices a strong read at twice an eventual one, and a transaction at four plain writes', () => {
    const [strong, eventual, money] = [{ stale: 'never' } as const, {}, { money: 'yes' } as const].map((answers) =>
      choose({ ...easy, ...answers }),
    ) as [ReturnType<typeof choose>, ReturnType<typeof choose>, ReturnType<typeof choose>];
    const { usd, per } = prices['dynamodb.readUnits'];
    expect(strong.read.usdPerMillion).toBe((usd / per) * 1e6);
    expect(strong.read.usdPerMillion).toBe(2 * eventual.read.usdPerMillion);
    expect(money.write.usdPerMillion).toBe(4 * eventual.write.usdPerMillion);
    expect(choose({ ...easy, deadline: '20ms' }).read.usdPerMillion).toBeCloseTo(
      eventual.read.usdPerMillion * 0.29,
      12,
    );
    const second = choose({ ...easy, deadline: '20ms', stale: 'second' }).read;
    expect(second.usdPerMillion).toBeCloseTo(eventual.read.usdPerMillion * 0.8, 12);
    expect(second.why).toContain('asks for 80 answers in 100 where a process is asked for an item every 4 s, and 1 s ');
    const queued = choose({ ...easy, hot: 'yes' }).write;
    expect(queued.usdPerMillion).toBeCloseTo(1.2 * prices['sqs.requests'].usd + 0.05 * 0.625, 12);
  });
});
