import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogue } from '../../lib/catalogue.ts';
import { isBuilt } from '../../lib/kit/question.ts';
import { diffText } from '../../tools/diff/diff.ts';
import { synthesise } from '../../tools/diff/synthesise.ts';
import { pythonEnvironment } from '../../tools/emulator/python.ts';
import { missingPollerGrants } from '../../tools/prove/grants.ts';
import { read, root } from './files.ts';

const built = catalogue.filter(isBuilt);

describe.each(built)('the templates of $slug', ({ slug, variants }) => {
  it('are what cfn-lint would have them be', async () => {
    const files: string[] = [];
    for (const variant of variants) {
      const { stacks } = await synthesise({ slug, variant });
      for (const [role, { template }] of Object.entries(stacks)) {
        files.push(writeTemplate(`${slug}.${variant}.${role}.json`, template));
      }
    }
    expect(await lint(files)).toEqual([]);
  });

  it('grant Lambda what it polls their event sources with', async () => {
    for (const variant of variants) {
      const { stacks } = await synthesise({ slug, variant });
      const templates = Object.values(stacks).map(({ template }) => template);
      expect(
        missingPollerGrants(templates, (id) => id),
        `${variant}: allow the function these`,
      ).toEqual([]);
    }
  });

  it('differ as the committed text says: run npx designs diff <slug> --record', async () => {
    expect(read(`lib/questions/${slug}/diff.md`)).toBe(await diffText(slug));
  });
});

describe('cfn-lint', () => {
  it('finds what is planted for it', async () => {
    const planted = writeTemplate('planted.json', {
      Resources: { Queue: { Type: 'AWS::SQS::Queue', Properties: { VisibilityTimeout: 'soon' } } },
    });
    expect(await lint([planted])).toEqual([expect.stringContaining("'soon' is not of type 'integer'")]);
  });
});

let directory: string;
let python: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'designs-templates-'));
  python = await pythonEnvironment(join(root, 'test/house/requirements.txt'), () => {});
}, 300_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function writeTemplate(name: string, template: unknown): string {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, name);
  writeFileSync(file, JSON.stringify(template));
  return file;
}

/** CDK writes a DependsOn beside the reference that implies it. */
const ignored = ['W3005'];

/** A line for each finding: file, rule, path and message. */
async function lint(files: readonly string[]): Promise<readonly string[]> {
  const program = 'import sys; from cfnlint.runner import main; sys.exit(main())';
  const options = ['--format', 'json', '--regions', 'us-east-1', '--ignore-checks', ...ignored];
  const args = ['-c', program, ...options, '--', ...files];
  // Findings are an exit code, and no failure of the linter's.
  const { stdout } = await promisify(execFile)(python, args, { maxBuffer: 64 * 1024 * 1024 }).catch(
    (error: { stdout?: string; stderr?: string }) => {
      if (!error.stdout?.startsWith('[')) throw new Error(`cfn-lint failed: ${error.stderr}`, { cause: error });
      return { stdout: error.stdout };
    },
  );
  const findings = JSON.parse(stdout) as readonly {
    readonly Filename: string;
    readonly Message: string;
    readonly Rule: { readonly Id: string };
    readonly Location: { readonly Path: readonly (string | number)[] | null };
  }[];
  return findings.map(
    ({ Filename, Message, Rule, Location }) =>
      `${Filename.split(/[\\/]/).at(-1)} ${Rule.Id} ${(Location.Path ?? []).join('.')}: ${Message}`,
  );
}
