#!/usr/bin/env node
// The launcher: the shell may find any Node from 20, and the sources need the pinned one, which runs TypeScript as it
// is. So this file stays plain JavaScript that an old Node understands.
import { existsSync } from 'node:fs';
import * as module from 'node:module';
import { fileURLToPath } from 'node:url';

const pinnedNode = fileURLToPath(
  new URL(`../node_modules/node/bin/node${process.platform === 'win32' ? '.exe' : ''}`, import.meta.url),
);

if (Number.parseInt(process.versions.node, 10) >= 24) {
  // What Node strips and compiles it need not strip and compile again: half the time of a short command.
  module.enableCompileCache(fileURLToPath(new URL('../.designs/compiled', import.meta.url)));
  await import('./designs.ts');
} else if (existsSync(pinnedNode)) {
  await goOnUnderPinnedNode();
} else {
  console.error(
    `error: this is Node ${process.versions.node} and the pinned Node 24 is not at ${pinnedNode}: run npm ci (with its install scripts)`,
  );
  process.exitCode = 1;
}

async function goOnUnderPinnedNode() {
  // Not needed, and so not loaded, under the pinned one: a short command is over in the time of a few modules.
  const { spawn } = await import('node:child_process');
  const child = spawn(pinnedNode, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // A terminal sends its Ctrl-C to the child itself, and a second one would read as "at once".
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    console.error(`error: cannot start ${pinnedNode}: ${error.message}: run npm ci`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code;
    else {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
  });
}
