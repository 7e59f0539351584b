import type { CommandDef } from 'citty';

/** A subcommand: its description at once, its module only when it runs, so that `designs list` loads no CDK. */
export interface Command {
  readonly description: string;
  load(): Promise<AnyCommand>;
}

/** A citty command, whatever the arguments that its `run` takes: run it by way of `CommandDef`. */
export type AnyCommand = Pick<CommandDef, 'args'>;

/** What `designs` does without the book, which is made of these: bin/commands.ts adds it. */
export const toolCommands: Readonly<Record<string, Command>> = {
  list: {
    description: 'the questions, their variants and points',
    load: async () => (await import('../list/command.ts')).command,
  },
  show: {
    description: 'one question: points, diagram, code in reading order',
    load: async () => (await import('../show/command.ts')).command,
  },
  diff: {
    description: 'what changes from the naive design to the improved one, and why',
    load: async () => (await import('../diff/command.ts')).command,
  },
  prove: {
    description: 'the same workload on every variant, measured',
    load: async () => (await import('../prove/command.ts')).command,
  },
  deploy: {
    description: 'deploys a question to the emulator or to an account',
    load: async () => (await import('../deploy/command.ts')).deployCommand,
  },
  destroy: {
    description: 'takes away what deploy made, buckets emptied',
    load: async () => (await import('../deploy/command.ts')).destroyCommand,
  },
  missing: {
    description: 'signed documents without a success line in the logs: A - B on local files',
    load: async () => (await import('../missing/command.ts')).command,
  },
  xml: {
    description: 'records of XML files of any size, as lines of JSON or added up',
    load: async () => (await import('../xml/command.ts')).command,
  },
  choose: {
    description: 'strong or eventual: five answers lead to a consistency, its setting and its cost',
    load: async () => (await import('../choose/command.ts')).command,
  },
  audit: {
    description: 'the bank’s archive, ledger and balances: whether they agree, or where they do not',
    load: async () => (await import('../audit/command.ts')).command,
  },
  new: {
    description: 'writes the folders of a new question and its line in the catalogue',
    load: async () => (await import('../new/command.ts')).command,
  },
  start: {
    description: 'the main job, from 500 generated server logs to the report',
    load: async () => (await import('../start/command.ts')).command,
  },
};
