// What cdk.json runs. A globally installed `cdk` finds whatever Node the shell does, and the sources need the pinned
// one, which runs TypeScript as it is: so this file stays plain JavaScript that an old Node understands.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

if (Number.parseInt(process.versions.node, 10) >= 24) {
  await import('./app.ts');
} else {
  const pathOf = (path) => fileURLToPath(new URL(path, import.meta.url));
  const pinnedNode = pathOf(`../node_modules/node/bin/node${process.platform === 'win32' ? '.exe' : ''}`);
  const { status, error } = spawnSync(pinnedNode, [pathOf('app.ts')], { stdio: 'inherit' });
  if (error) console.error(`error: cannot start ${pinnedNode}: ${error.message}: run npm ci`);
  process.exitCode = status ?? 1;
}
