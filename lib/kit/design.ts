import type { App, Stack, StackProps } from 'aws-cdk-lib';

/** What a variant's file exports under the name `design`: builds the variant's stacks in an App of their own. */
export type Design = (app: App, deployment: Deployment) => DesignStacks;

/** By role: `main` always; a region, or `extras` for what emulators reject. Pairs stacks of two variants in the diff. */
export interface DesignStacks {
  readonly main: Stack;
  readonly [role: string]: Stack;
}

/** How, not what: the same design deployed to a sandbox or to production. */
export interface Deployment {
  /** `sandbox` deletes data with its stack; `production` keeps it. */
  readonly stage: 'sandbox' | 'production';
  /** False creates schedules disabled, so that a proof run is not disturbed at night. */
  readonly schedules: boolean;
  /** Construct id and props of a stack by its role: the id is the same in every variant, the physical name is not. */
  stack(role: string): { readonly id: string; readonly props: StackProps };
}
