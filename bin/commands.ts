import { type Command, toolCommands } from '../tools/cli/commands.ts';

/** Every command of `designs`. */
export const commands: Readonly<Record<string, Command>> = { ...toolCommands };
