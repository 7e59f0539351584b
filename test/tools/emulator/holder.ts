/** A process that starts an emulator, says where, and waits to be killed. */
import { startEmulator } from '../../../tools/emulator/emulator.ts';

const { endpoint, pid } = await startEmulator();
console.log(JSON.stringify({ endpoint, pid }));
setInterval(() => {}, 60_000);
