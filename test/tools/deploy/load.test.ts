import { mkdtemp, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import flags from 'aws-cdk-lib/recommended-feature-flags.json' with { type: 'json' };
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Design } from '../../../lib/kit/design.ts';
import { buildApp, type AppOptions } from '../../../lib/load.ts';
import { shelf } from './fixture/shelf.ts';

let outdir: string;

beforeEach(async () => {
  outdir = await mkdtemp(join(tmpdir(), 'load-test-'));
});

afterEach(async () => {
  await rm(outdir, { recursive: true, force: true });
});

async function synthesise(design: Design, options: Partial<AppOptions> = {}) {
  const { app, stacks } = await buildApp({
    slug: 'shelf',
    variant: 'near',
    bundles: outdir,
    outdir,
    design,
    ...options,
  });
  return { stacks, artifacts: app.synth().stacks };
}

describe('buildApp', () => {
  it('gives every variant the same stack id, and physical names of its own', async () => {
    const { artifacts } = await synthesise(shelf(), { run: 'r1' });
    expect(artifacts.map(({ id, stackName }) => [id, stackName])).toEqual([['shelf', 'shelf-near-r1']]);
  });

  it('names the stacks of other roles after them', async () => {
    const two: Design = (app, deployment) => {
      const stack = (role: string) => {
        const stack = new Stack(app, deployment.stack(role).id, deployment.stack(role).props);
        new LogGroup(stack, 'Logs');
        return stack;
      };
      return { main: stack('main'), extras: stack('extras') };
    };
    const { artifacts } = await synthesise(two);
    expect(artifacts.map(({ id, stackName }) => [id, stackName])).toEqual([
      ['shelf', 'shelf-near'],
      ['shelf-extras', 'shelf-near-extras'],
    ]);
  });

  it('fails the synth on a finding that nobody acknowledged', async () => {
    const open: Design = (app, deployment) => {
      const stack = new Stack(app, deployment.stack('main').id, deployment.stack('main').props);
      new Bucket(stack, 'Open');
      return { main: stack };
    };
    await expect(synthesise(open)).rejects.toThrow(/AwsSolutions-S10/);
  });

  it('fails the synth on a property that the resource does not have', async () => {
    const misspelt: Design = (app, deployment) => {
      const stacks = shelf()(app, deployment);
      const bucket = stacks.main.node.findChild('Books').node.defaultChild as import('aws-cdk-lib/aws-s3').CfnBucket;
      bucket.addPropertyOverride('VersioningConfiguratoin', { Status: 'Enabled' });
      return stacks;
    };
    await expect(synthesise(misspelt)).rejects.toThrow(/VersioningConfiguratoin/);
  });

  it('makes the same template for an endpoint and for an account', async () => {
    const template = async (endpoint?: string) =>
      (await synthesise(shelf(), { endpoint })).artifacts[0]!.template as object;
    expect(await template('http://127.0.0.1:1')).toEqual(await template());
  });

  it('deletes data with its stack in a sandbox, and keeps it in production', async () => {
    const policies = async (stage: 'sandbox' | 'production') => {
      const { Resources } = (await synthesise(shelf(), { stage })).artifacts[0]!.template as {
        Resources: Record<string, { Type: string; DeletionPolicy?: string }>;
      };
      return Object.values(Resources)
        .filter(({ Type }) => /Bucket$|GlobalTable$/.test(Type))
        .map(({ DeletionPolicy }) => DeletionPolicy);
    };
    expect(await policies('sandbox')).toEqual(['Delete', 'Delete']);
    expect(await policies('production')).toEqual(['Retain', 'Retain']);
  });
});

describe('cdk.json', () => {
  it('sets every recommended feature flag as recommended', () => {
    const { context } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../cdk.json'), 'utf8')) as {
      context: object;
    };
    expect(context).toEqual(flags);
  });
});
