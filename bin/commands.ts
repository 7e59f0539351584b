import { type Command, toolCommands } from '../tools/cli/commands.ts';

/** Every command of `designs`. */
export const commands: Readonly<Record<string, Command>> = {
  ...toolCommands,
  book: {
    description: 'serves the book: every question with its proof and diff, and the decision helper',
    load: async () => (await import('../book/command.ts')).command,
  },
};
