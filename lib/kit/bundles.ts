import { join } from 'node:path';
import type { IConstruct } from 'constructs';

/** App context key: the directory that holds `<slug>/<file>/index.mjs` of every handler, built before synth. */
export const bundlesContext = 'bundles';

/** Directory of one handler's bundle. An App without the context is a mistake of the tool that made it. */
export function bundleDirectory(scope: IConstruct, entry: string): string {
  const bundles: unknown = scope.node.tryGetContext(bundlesContext);
  if (typeof bundles !== 'string') {
    throw new Error(
      `no bundle for ${entry}: give the App the context "${bundlesContext}", the directory that the build made`,
    );
  }
  return join(bundles, entry);
}
