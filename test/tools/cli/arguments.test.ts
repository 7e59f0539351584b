import type { ArgsDef } from 'citty';
import { describe, expect, it } from 'vitest';
import { refuseMistakes, valuesOf } from '../../../tools/cli/arguments.ts';
import { UsageError } from '../../../tools/cli/errors.ts';

const args: ArgsDef = {
  slug: { type: 'positional', description: 'the question' },
  variant: { type: 'string', alias: 'V' },
  scale: { type: 'enum', options: ['default', 'full'] },
  'allow-partial': { type: 'boolean' },
  json: { type: 'boolean' },
  set: { type: 'string', valueHint: 'k=v…' },
};
const exactly: ArgsDef = { slug: { type: 'positional' } };

describe('refuseMistakes', () => {
  it.each([
    [['read-heavy']],
    [['read-heavy', '--json', '--variant', 'naive']],
    [['--variant=naive', 'read-heavy']],
    [['-V', 'naive', 'read-heavy']],
    [['read-heavy', '--allow-partial', '--scale', 'full']],
    [['read-heavy', '--allowPartial', '--no-json']],
    [['read-heavy', '--variant', '-']],
    [['read-heavy', '--variant', '-5']],
    [['read-heavy', '--variant=--json']],
    [['read-heavy', '--set', 'a=1', '--set', 'b=2']],
    [['--json', '--', '--variant']],
  ])('accepts %j', (rawArgs) => {
    expect(() => refuseMistakes(rawArgs, args)).not.toThrow();
  });

  it.each([
    [['read-heavy', '--jsn'], 'unknown option "--jsn": did you mean --json?'],
    [['read-heavy', '--frobnicate'], 'unknown option "--frobnicate": see --help'],
    [['read-heavy', '-x'], 'unknown option "-x": see --help'],
    [['read-heavy', '--__proto__'], 'unknown option "--__proto__": see --help'],
    [['read-heavy', '--no-variant'], 'unknown option "--no-variant": did you mean --variant?'],
    [['read-heavy', '--variant'], '--variant has no value: use --variant=<variant>'],
    [['read-heavy', '--variant='], '--variant has no value: use --variant=<variant>'],
    [['read-heavy', '--variant', '--json'], '--variant has no value: use --variant=<variant>'],
    [['read-heavy', '--json=yes'], '--json takes no value, and got "yes": write --json, or leave it out'],
    [['read-heavy', '--variant', 'a', '--variant', 'b'], '--variant is given twice: give it once'],
    [['read-heavy', '--scale', 'huge'], 'unknown scale "huge": use default or full'],
    [['--json'], '<slug> is missing: give it (the question)'],
  ])('refuses %j', (rawArgs, message) => {
    expect(() => refuseMistakes(rawArgs, args)).toThrow(new UsageError(message));
  });

  it('refuses more positionals than the command takes', () => {
    expect(() => refuseMistakes(['a', 'b'], exactly)).toThrow(new UsageError('unexpected argument "b": use <slug>'));
    expect(() => refuseMistakes(['a'], {})).toThrow(new UsageError('unexpected argument "a": take it away'));
  });

  it('takes any number of positionals where the hint ends in an ellipsis', () => {
    expect(() => refuseMistakes(['a', 'b', 'c'], { slugs: { type: 'positional', valueHint: 'slug…' } })).not.toThrow();
  });

  it('refuses an option that is required and absent', () => {
    const required: ArgsDef = { signed: { type: 'string', required: true, description: 'a file' } };
    expect(() => refuseMistakes([], required)).toThrow(new UsageError('--signed is missing: give it (a file)'));
  });
});

describe('valuesOf', () => {
  it('gives every value of a repeated option, where citty keeps the last', () => {
    expect(valuesOf(['x', '--set', 'a=1', '--json', '--set=b=2'], args, 'set')).toEqual(['a=1', 'b=2']);
  });
});
