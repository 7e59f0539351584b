import { defineCommand } from 'citty';
import { catalogue } from '../lib/catalogue.ts';
import { UsageError } from '../tools/cli/errors.ts';
import { servePages, serveUntilStopped } from '../tools/io/loopback.ts';
import { Diagrams } from './diagrams.ts';
import { bookPages, notFoundPage } from './pages.ts';

const portMax = 65_535;

export const command = defineCommand({
  meta: { name: 'book', description: 'serves the book on this machine: every question, and the decision helper' },
  args: {
    port: {
      type: 'string',
      valueHint: 'N',
      // Always the same, so that an address that somebody kept or shared leads to the book again.
      default: '2200',
      description: 'where to listen; 0 takes any port that is free',
    },
  },
  async run({ args }) {
    const port = portOf(args.port);
    const diagrams = new Diagrams();
    const server = await servePages(bookPages(catalogue, diagrams), { port, notFound: notFoundPage() });
    console.log(`the book is at ${server.url} until Ctrl-C`);
    await serveUntilStopped(server);
    await diagrams.close();
  },
});

/** @throws {UsageError} for what is no port. */
export function portOf(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= portMax) return port;
  throw new UsageError(`--port ${text} is no port: give a whole number up to ${portMax}, or 0 for any that is free`);
}
