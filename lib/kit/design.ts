import type { App, Stack, StackProps } from 'aws-cdk-lib';

/** What a variant's file exports under the name `design`: builds the variant's stacks in an App of their own. */
export type Design = (app: App, deployment: Deployment) => DesignStacks;

/** By role: `main` always; a region, or `extras` for what emulators reject. Pairs stacks of two variants in the diff. */
export interface DesignStacks {
  readonly main: Stack;
  readonly [role: string]: Stack;
}

/** What a design is told of the place it is built for; stage and schedules are read by the kit's constructs (stage.ts). */
export interface Deployment {
  /** Construct id and props of a stack by its role: the id is the same in every variant, the physical name is not. */
  stack(role: string): { readonly id: string; readonly props: StackProps };
}
