import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { renderUsage, runCommand, type ArgsDef, type CommandDef } from 'citty';
import { refuseMistakes } from './arguments.ts';
import type { Command } from './commands.ts';
import { RunError, UsageError } from './errors.ts';
import { nearest } from './nearest.ts';

const designs = {
  name: 'designs',
  description: 'System-design questions, each as two CDK stacks: the naive one and the one that holds',
};

/** By name. */
export type Commands = Readonly<Record<string, Command>>;

/** Runs one command line, reports its error on stderr, and leaves the exit code in `process.exitCode`. */
export async function main(commands: Commands, rawArgs: readonly string[]): Promise<void> {
  // `designs list | head -1` closes the pipe early, which is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  try {
    await dispatch(commands, rawArgs);
  } catch (error) {
    console.error(describe(error));
    process.exitCode = error instanceof UsageError ? error.exitCode : 1;
  }
}

/** What a person reads of an error: a stack only where the message alone would not be enough to find our mistake. */
export function describe(error: unknown): string {
  if (error instanceof UsageError || error instanceof RunError) return `error: ${error.message}`;
  return `error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

async function dispatch(commands: Commands, [name, ...rest]: readonly string[]): Promise<void> {
  if (name === '--version' || name === '-v') return console.log(version());
  if (name === undefined || isHelp(name)) return printUsage(overview(commands));
  const command = commandNamed(commands, name);
  const definition = (await command.load()) as CommandDef;
  if (rest.slice(0, endOfOptions(rest)).some(isHelp)) {
    const meta = await (typeof definition.meta === 'function' ? definition.meta() : definition.meta);
    return printUsage({ ...definition, meta: { description: command.description, ...meta, name } }, overview(commands));
  }
  refuseMistakes(rest, await argumentsOf(definition));
  await runCommand(definition, { rawArgs: [...rest] });
}

/** @throws {UsageError} for a name that is no command, with the nearest one that is. */
function commandNamed(commands: Commands, name: string): Command {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) return command;
  const near = name.startsWith('-') ? undefined : nearest(name, Object.keys(commands));
  throw new UsageError(
    `unknown ${name.startsWith('-') ? 'option' : 'command'} "${name}": ` +
      (near === undefined ? '`designs --help` names the commands' : `did you mean ${near}?`),
  );
}

/** Checks a command line against the commands' definitions without running it. */
export async function checkCommandLine(commands: Commands, [name, ...rest]: readonly string[]): Promise<void> {
  if (name === undefined || isHelp(name) || name === '--version' || name === '-v') return;
  const definition = (await commandNamed(commands, name).load()) as CommandDef;
  if (!rest.some(isHelp)) refuseMistakes(rest, await argumentsOf(definition));
}

async function argumentsOf({ args }: CommandDef): Promise<ArgsDef> {
  return (await (typeof args === 'function' ? args() : args)) ?? {};
}

function overview(commands: Commands): CommandDef {
  const subCommands: Record<string, CommandDef> = {};
  for (const [name, { description }] of Object.entries(commands)) subCommands[name] = { meta: { name, description } };
  return { meta: { ...designs, version: version() }, subCommands };
}

async function printUsage(command: CommandDef, parent?: CommandDef): Promise<void> {
  const usage = (await renderUsage(command, parent)).replace(/ +$/gm, '').trimEnd();
  // citty colours whatever it prints to.
  console.log(process.stdout.isTTY ? usage : stripVTControlCharacters(usage));
}

function endOfOptions(rawArgs: readonly string[]): number {
  const index = rawArgs.indexOf('--');
  return index === -1 ? rawArgs.length : index;
}

function isHelp(argument: string): boolean {
  return argument === '--help' || argument === '-h';
}

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
