import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import type { TemplateResource } from '../../../lib/kit/proof.ts';
import { buildApp, type AppOptions } from '../../../lib/load.ts';

export type Resources = Readonly<Record<string, TemplateResource>>;

/**
 * The template of a stack that `make` fills, by the same way as that of a question: every check runs, so that a
 * construct that needs an acknowledgement and lacks it fails here.
 */
export async function templateOf(make: (stack: Stack) => void, options: Partial<AppOptions> = {}): Promise<Resources> {
  const directory = mkdtempSync(join(tmpdir(), 'kit-test-'));
  try {
    mkdirSync(join(directory, 'bundles/shelf/put'), { recursive: true });
    writeFileSync(join(directory, 'bundles/shelf/put/index.mjs'), 'export const handler = async () => {};\n');
    const { app } = await buildApp({
      slug: 'shelf',
      variant: 'improved',
      bundles: join(directory, 'bundles'),
      outdir: join(directory, 'out'),
      ...options,
      design: (scope, deployment) => {
        const { id, props } = deployment.stack('main');
        const stack = new Stack(scope, id, props);
        make(stack);
        return { main: stack };
      },
    });
    const { template } = app.synth().getStackByName('shelf-improved') as { template: { Resources?: Resources } };
    return template.Resources ?? {};
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Resources of a type, in the order of the template. */
export function ofType(resources: Resources, type: string): readonly TemplateResource[] {
  return Object.values(resources).filter((resource) => resource.Type === type);
}

/** Logical IDs of resources of a type. */
export function idsOf(resources: Resources, type: string): readonly string[] {
  return Object.keys(resources).filter((id) => resources[id]!.Type === type);
}

export interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
  readonly Principal?: unknown;
}

/** Every statement of the policies of a type. */
export function statementsOf(resources: Resources, type = 'AWS::IAM::Policy'): readonly Statement[] {
  return ofType(resources, type).flatMap(
    ({ Properties }) => (Properties!['PolicyDocument'] as { readonly Statement: readonly Statement[] }).Statement,
  );
}
