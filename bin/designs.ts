import { main } from '../tools/cli/main.ts';
import { commands } from './commands.ts';

await main(commands, process.argv.slice(2));
