import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { json, read, root } from './files.ts';

const manifest = json('package.json') as {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};
const pins = { ...manifest.dependencies, ...manifest.devDependencies };

describe('pins', () => {
  it('are exact', () => {
    const loose = Object.entries(pins).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version));
    expect(loose, 'write the one version that was tried: no ^, ~ or range').toEqual([]);
  });

  it('stay exact when somebody installs a package', () => {
    expect(read('.npmrc').split('\n'), 'add save-exact=true to .npmrc').toContain('save-exact=true');
  });

  it('are what the lock file installs', () => {
    const { packages } = json('package-lock.json') as { packages: Readonly<Record<string, { version: string }>> };
    const locked = Object.fromEntries(
      Object.keys(pins).map((name) => [name, packages[`node_modules/${name}`]?.version]),
    );
    expect(locked, 'run npm install').toEqual(pins);
  });

  it('are locked for every platform: npm ci refuses a lock file that leaves out what this one cannot install', () => {
    type Locked = { readonly optionalDependencies?: Readonly<Record<string, string>> };
    const { packages } = json('package-lock.json') as { packages: Readonly<Record<string, Locked>> };
    const lost = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
      ),
    );
    expect(lost, 'add their entries to package-lock.json: version, os, cpu and libc').toEqual([]);
  });

  it('give the CDK command line that works: its latest on the registry refuses current assemblies', () => {
    expect(pins['aws-cdk']).toBe('2.1148.1');
    const printed = execFileSync(process.execPath, [join(root, 'node_modules/aws-cdk/bin/cdk'), '--version'], {
      encoding: 'utf8',
    });
    expect(printed).toMatch(/^2\.1148\.1 /);
  });

  it('give the Node that runs this test', () => {
    expect(process.versions.node, 'run the tests with npm test, which puts the pinned Node first').toBe(pins['node']);
  });

  it('hold the Python packages too, by hash', () => {
    const requirements = read('test/house/requirements.txt');
    const lines = requirements
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => /^\w/.test(line));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatch(/^[\w.-]+==[\w.]+ .*--hash=sha256:[0-9a-f]{64}/);
  });
});
