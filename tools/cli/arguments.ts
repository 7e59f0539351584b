import { parseArgs, type ParseArgsConfig } from 'node:util';
import type { ArgDef, ArgsDef } from 'citty';
import { UsageError } from './errors.ts';
import { nearest } from './nearest.ts';

/**
 * Refuses what citty would silently ignore or misread: an unknown option, an option without its value, a switch with
 * one, an option given twice, a value outside its choices, a positional too few or too many.
 *
 * An argument whose `valueHint` ends in `…` may be given any number of times: positionals of `prove <slug…>`, options of
 * `--set k=v --set k=v`. The values of such an option are read with `valuesOf`, since citty keeps the last one only.
 *
 * @throws {UsageError} naming the argument and, where there is one, what was probably meant.
 */
export function refuseMistakes(rawArgs: readonly string[], definitions: ArgsDef): void {
  const options = optionsOf(definitions);
  const seen = new Set<Option>();
  const positionals: string[] = [];
  for (const token of tokensOf(rawArgs, options)) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = options.get(token.name) ?? negated(token.name, options);
    if (option === undefined) {
      const names = [...options.keys()].filter((name) => name.length > 1);
      throw new UsageError(`unknown option "${token.rawName}": ${suggestion(nearest(token.name, names), '--')}`);
    }
    if (seen.has(option) && !takesMany(option.definition)) {
      throw new UsageError(`--${option.name} is given twice: give it once`);
    }
    seen.add(option);
    checkValue(option, token.value, token.inlineValue === true);
  }
  checkPositionals(positionals, definitions);
  for (const option of options.values()) {
    if (option.definition.required === true && option.definition.default === undefined && !seen.has(option)) {
      throw new UsageError(`--${option.name} is missing: give it (${option.definition.description ?? 'see --help'})`);
    }
  }
}

/** Every value of an option that may be given several times, in order. */
export function valuesOf(rawArgs: readonly string[], definitions: ArgsDef, name: string): readonly string[] {
  const options = optionsOf(definitions);
  return tokensOf(rawArgs, options).flatMap((token) =>
    token.kind === 'option' && options.get(token.name)?.name === name && token.value !== undefined ? [token.value] : [],
  );
}

interface Option {
  readonly name: string;
  readonly definition: ArgDef;
}

/** By every name under which citty takes it: its own, its aliases, and `--scaleMax` beside `--scale-max`. */
function optionsOf(definitions: ArgsDef): ReadonlyMap<string, Option> {
  const options = new Map<string, Option>();
  for (const [name, definition] of Object.entries(definitions)) {
    if (definition.type === 'positional') continue;
    const option = { name, definition };
    const aliases = 'alias' in definition ? [definition.alias ?? []].flat() : [];
    for (const key of [name, camelCase(name), kebabCase(name), ...aliases]) options.set(key, option);
  }
  return options;
}

function tokensOf(rawArgs: readonly string[], options: ReadonlyMap<string, Option>) {
  const config: NonNullable<ParseArgsConfig['options']> = {};
  for (const [key, { definition }] of options) {
    const type = isSwitch(definition) ? 'boolean' : 'string';
    config[key] = key.length === 1 ? { type, short: key } : { type };
  }
  return parseArgs({ args: [...rawArgs], options: config, strict: false, allowPositionals: true, tokens: true }).tokens;
}

function negated(name: string, options: ReadonlyMap<string, Option>): Option | undefined {
  const option = name.startsWith('no-') ? options.get(name.slice('no-'.length)) : undefined;
  return option !== undefined && isSwitch(option.definition) ? option : undefined;
}

function checkValue({ name, definition }: Option, value: string | undefined, isInline: boolean): void {
  if (isSwitch(definition)) {
    if (value === undefined) return;
    throw new UsageError(`--${name} takes no value, and got "${value}": write --${name}, or leave it out`);
  }
  const choices = 'options' in definition ? (definition.options ?? []) : [];
  const hint = choices.length > 0 ? choices.join(' or ') : `--${name}=<${definition.valueHint ?? name}>`;
  // `--variant --json`: the next option is not meant as the value, unless written `--variant=--json`. A `-` alone is
  // standard input, and a number may be negative.
  if (value === undefined || value === '' || (!isInline && /^-[^\d.]/.test(value))) {
    throw new UsageError(`--${name} has no value: use ${hint}`);
  }
  if (choices.length > 0 && !choices.includes(value)) {
    throw new UsageError(`unknown ${name} "${value}": use ${hint}`);
  }
}

function checkPositionals(given: readonly string[], definitions: ArgsDef): void {
  const all = Object.entries(definitions);
  const positionals = all.filter(([, { type }]) => type === 'positional');
  const missing = positionals.filter(([, { required }]) => required !== false)[given.length];
  if (missing !== undefined && missing[1].default === undefined) {
    throw new UsageError(`<${missing[0]}> is missing: give it (${missing[1].description ?? 'see --help'})`);
  }
  const extra = given[positionals.length];
  if (extra !== undefined && !all.some(([, definition]) => takesMany(definition))) {
    const names = positionals.map(([name]) => `<${name}>`).join(' ');
    throw new UsageError(`unexpected argument "${extra}": ${names === '' ? 'take it away' : `use ${names}`}`);
  }
}

function isSwitch(definition: ArgDef): boolean {
  return definition.type === 'boolean' || definition.type === undefined;
}

function takesMany(definition: ArgDef): boolean {
  return definition.valueHint?.endsWith('…') === true;
}

function suggestion(near: string | undefined, prefix = ''): string {
  return near === undefined ? 'see --help' : `did you mean ${prefix}${near}?`;
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
