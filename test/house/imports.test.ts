import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ICruiseResult } from 'dependency-cruiser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forbidden } from '../../.dependency-cruiser.ts';
import { root } from './files.ts';
import { cruiseRooms } from './cruise.ts';

const packages = ['aws-cdk-lib', 'constructs', 'saxes', '@aws-sdk/client-s3', 'zod'];

/** Per rule, a file and an import in it that the rule must refuse. */
const planted: Readonly<Record<string, readonly [file: string, source: string]>> = {
  'engines import engines only': ['engines/flow/flow.ts', `import 'saxes';`],
  "the XML engine's parser imports saxes": ['engines/xml/parser.ts', `import 'zod';`],
  "the log engine's analysis imports regexpp": ['engines/log-diff/analyse.ts', `import 'saxes';`],
  'pure code loads nothing of Node': ['engines/flow/read.ts', `import 'node:fs';`],
  'a domain decides and imports engines only': ['lambdas/one/domain.ts', `import '@aws-sdk/client-s3';`],
  "a domain takes the kit's types only": ['lambdas/two/domain.ts', `import '../kit/clock.ts';`],
  "a store imports the SDK, its question's domain and engines": ['lambdas/one/store.ts', `import 'zod';`],
  'an env names variables only': ['lambdas/one/env.ts', `import '@aws-sdk/client-s3';`],
  'an input is parsed, not acted on': ['lambdas/one/input.ts', `import './store.ts';`],
  'steps are told their effects': ['lambdas/one/steps.ts', `import './env.ts';`],
  "steps take the store's types only": ['lambdas/two/steps.ts', `import './store.ts';`],
  'a handler is wiring': ['lambdas/one/charge.naive.ts', `import '@aws-sdk/client-s3';`],
  'lambdas/kit knows no question': ['lambdas/kit/shared.ts', `import '../one/env.ts';`],
  "a client imports its question's domain and engines": ['clients/one/page.ts', `import '../../lambdas/one/env.ts';`],
  'a question is data': ['lib/questions/one/question.ts', `import '../../kit/answers.ts';`],
  'the catalogue never loads the CDK': ['lib/catalogue.ts', `import './questions/one/question.ts';`],
  'a stack imports the CDK, the kit and its env': ['lib/questions/one/improved.ts', `import './naive.ts';`],
  'a proof drives from outside': ['lib/questions/one/proof.ts', `import '../../../lambdas/one/store.ts';`],
  'lib/kit knows no question': ['lib/kit/handler.ts', `import '../questions/one/naive.ts';`],
  'no question imports another': ['lambdas/two/run.ts', `import '../one/domain.ts';`],
  'what is deployed knows no tool': ['lib/load.ts', `import '../tools/build.ts';`],
  'tools know nothing above them': ['tools/run.ts', `import '../bin/app.ts';`],
  'the book knows nothing above it': ['book/pages.ts', `import '../bin/app.ts';`],
  'a page of the book runs engines only': ['book/browser/page.ts', `import '../pages.ts';`],
  'only tests import tests': ['bin/app.ts', `import '../test/run.ts';`],
  'no circles': ['engines/flow/a.ts', `import './b.ts';`],
  'every import resolves': ['tools/lost.ts', `import './nowhere.ts';`],
};

const around = {
  'lambdas/kit/clock.ts': 'export const now = 1;',
  'lambdas/two/store.ts': '',
  'lib/kit/answers.ts': `import 'aws-cdk-lib';`,
  'lib/questions/one/naive.ts': '',
  'tools/build.ts': '',
  'test/run.ts': '',
  'engines/flow/b.ts': `import './a.ts';`,
};

describe('the rooms', () => {
  let result: ICruiseResult;
  beforeAll(async () => {
    result = await cruiseRooms(root);
  });

  it('are all looked at', () => {
    // With the wrong parser the checker sees no module, and finds nothing wrong with any.
    const ours = result.modules.filter(({ source }) => !source.startsWith('node_modules'));
    expect(ours.length).toBeGreaterThan(50);
    expect(ours.flatMap(({ dependencies }) => dependencies).length).toBeGreaterThan(100);
  });

  it('import only what the table of rooms allows', () => {
    const remedies = new Map(forbidden.map(({ name, comment }) => [name, comment]));
    const violations = result.summary.violations.map(
      ({ rule, from, to }) => `${from} imports ${to}: ${rule.name}: ${remedies.get(rule.name)}`,
    );
    expect(violations).toEqual([]);
  });
});

describe('the rule checker', () => {
  let directory: string;
  let result: ICruiseResult;
  beforeAll(async () => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'designs-imports-')));
    for (const name of packages) {
      write(`node_modules/${name}/package.json`, `{"name":"${name}","main":"index.js"}`);
      write(`node_modules/${name}/index.js`, '');
    }
    for (const [file, source] of [...Object.entries(around), ...Object.values(planted)]) write(file, source);
    result = await cruiseRooms(directory);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('has a planted violation for every rule', () => {
    expect(Object.keys(planted).sort()).toEqual(forbidden.map(({ name }) => name).sort());
  });

  it.each(Object.entries(planted))('refuses what "%s" forbids', (rule, [file]) => {
    const found = result.summary.violations.filter((violation) => violation.rule.name === rule);
    expect(found.map(({ from }) => from)).toContain(file);
  });

  function write(file: string, source: string): void {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), source);
  }
});
