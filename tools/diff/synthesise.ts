import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { CfnElement, Stack } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { answersIn } from '../../lib/kit/answers.ts';
import type { Design, DesignStacks } from '../../lib/kit/design.ts';
import type { Template } from '../../lib/kit/proof.ts';
import { usesIn } from '../../lib/kit/uses.ts';
import { buildApp, loadVariant } from '../../lib/load.ts';
import type { SynthesisedVariant } from './model.ts';
import type { HandlerSource, SynthesisedStack } from './names.ts';

const repository = join(import.meta.dirname, '../..');

export interface Synthesis {
  readonly slug: string;
  readonly variant: string;
  /** The variant's own file when absent. */
  readonly design?: Design;
  /** Where the handlers' entries are found; the repository when absent. */
  readonly root?: string;
}

/** Synthesises one variant in an App of its own, in process, and leaves no files behind. */
export async function synthesise({ slug, variant, design, root = repository }: Synthesis): Promise<SynthesisedVariant> {
  const scratch = mkdtempSync(join(tmpdir(), 'designs-diff-'));
  try {
    const bundles = join(scratch, 'bundles');
    standInBundles(join(root, 'lambdas', slug), join(bundles, slug));
    const { app, stacks } = await buildApp({
      slug,
      // One name for every variant: a stack's physical name in a reference would differ, and is no decision.
      variant: 'compared',
      bundles,
      outdir: join(scratch, 'assembly'),
      design: design ?? (await loadVariant(slug, variant)),
    });
    const assembly = app.synth();
    const templateOf = (stack: Stack) => assembly.getStackArtifact(stack.artifactId).template as Template;
    return { name: variant, stacks: await synthesisedStacks(stacks, templateOf, root) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * Handlers' sources in place of their bundles: the diff compares sources anyway, and so it needs no build. A bundle
 * differs between two variants exactly when they name different entries, for they are built from one checkout.
 */
function standInBundles(sources: string, bundles: string): void {
  // A question whose answer is an estimate deploys no function.
  if (!existsSync(sources)) return;
  for (const file of readdirSync(sources, { withFileTypes: true })) {
    if (file.isFile() && file.name.endsWith('.ts')) {
      cpSync(join(sources, file.name), join(bundles, basename(file.name, '.ts'), 'index.mjs'));
    }
  }
}

async function synthesisedStacks(
  stacks: DesignStacks,
  templateOf: (stack: Stack) => Template,
  root: string,
): Promise<Readonly<Record<string, SynthesisedStack>>> {
  const { CfnElement: Element, Stack: CdkStack } = await import('aws-cdk-lib');
  const { handlerMetadata } = await import('../../lib/kit/handler.ts');
  const entries = Object.entries(stacks).map(([role, stack]) => {
    const below = (construct: IConstruct) => construct.node.path.slice(stack.node.path.length + 1);
    const constructs = stack.node.findAll().filter((construct) => CdkStack.of(construct) === stack);
    const elements = constructs.filter((construct): construct is CfnElement => Element.isCfnElement(construct));
    const handlers = constructs.flatMap((construct) =>
      construct.node.metadata
        .filter(({ type }) => type === handlerMetadata)
        .map(({ data }): HandlerSource => {
          const { entry, name } = data as { entry: string; name: string };
          return { path: below(construct), name, entry, source: readFileSync(join(root, entry), 'utf8') };
        }),
    );
    const synthesised: SynthesisedStack = {
      template: templateOf(stack),
      paths: Object.fromEntries(
        elements.map((element) => [stack.resolve(element.logicalId) as string, below(element)]),
      ),
      answers: answersIn(stack),
      uses: usesIn(stack),
      handlers,
    };
    return [role, synthesised] as const;
  });
  return Object.fromEntries(entries);
}
