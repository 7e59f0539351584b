import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, realpath, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { build as esbuild, formatMessages, type BuildFailure, type Plugin } from 'esbuild';
import { RunError } from '../cli/errors.ts';

export interface BundleOptions {
  /** Only these questions' handlers; every question's when absent. A question without handlers adds nothing. */
  readonly slugs?: readonly string[];
  /** True for proof bundles, which inject faults and meter usage; plain bundles hold no trace of that. */
  readonly instrumented?: boolean;
  /** Ablations: edited copies of sources, by path from the root. An edit that changes nothing is an error. */
  readonly edits?: Readonly<Record<string, (source: string) => string>>;
  /** Where to build; `.designs/bundles/plain`, `proof` or `edited` when absent. */
  readonly outdir?: string;
  /** The checkout whose `lambdas` are built; this one when absent. */
  readonly root?: string;
}

interface Entry {
  /** From the root, such as `lambdas/missing-notifications/extract.improved.ts`. */
  readonly source: string;
  /** `<slug>/<name>`, the directory of the bundle. */
  readonly name: string;
}

const instrumentation = fileURLToPath(new URL('./proof/wrap.ts', import.meta.url));

/** Files of a question's folder that hold no handler. */
const parts = new Set(['domain.ts', 'store.ts', 'env.ts']);

const handlerExport = /^export (?:const|let|async function|function) handler\b|^export \{[^}]*\bhandler\b/m;

/** A build that no run has used for so long is removed from the default directories. */
const unusedMaxMs = 24 * 60 * 60 * 1000;

/**
 * Builds every handler (`lambdas/<slug>/<verb>[.<variant>].ts` that exports `handler`) in one esbuild call.
 *
 * The directory returned holds `<slug>/<name>/index.mjs`, its source map, and esbuild's `metafile.json`. It is named
 * after its contents and never changes once it is there: two builds at once, or a build during a synth, cannot disturb
 * each other. The bytes depend on the sources alone, not on where the checkout or the directory is.
 *
 * Throws RunError when a source does not compile or an edit changes nothing.
 */
export async function buildBundles(options: BundleOptions = {}): Promise<string> {
  const root = await realpath(options.root ?? join(import.meta.dirname, '..', '..'));
  const entries = await findEntries(root, options.slugs);
  const instrumented = options.instrumented === true;
  const edited = await applyEdits(root, options.edits ?? {});

  const kind = edited.size > 0 ? 'edited' : instrumented ? 'proof' : 'plain';
  const outdir = options.outdir ?? join(root, '.designs', 'bundles', kind);
  const record = join(outdir, `.${sha256(JSON.stringify([entries, instrumented, [...edited]]))}.json`);
  const known = await recall(root, record);
  if (known !== undefined && (await touch(join(outdir, known)))) return join(outdir, known);

  const startMs = Date.now();
  const { files, sources } = await bundle(root, entries, edited, instrumented);
  const directory = await publish(outdir, files);
  const paths = [...sources, relative(root, import.meta.filename), ...surroundings];
  const inputs = await hashInputs(root, paths);
  // A source that was saved meanwhile may be in the hashes and not in the bundles: then the next call builds.
  if (!(await changedSince(root, paths, startMs))) await remember(record, { directory: basename(directory), inputs });
  if (options.outdir === undefined) await prune(outdir);
  return directory;
}

/** What a build was made of, kept beside it: while none of it changes, the build need not be made again. */
interface Build {
  readonly directory: string;
  /** Hashes of the files, by path from the root. */
  readonly inputs: Readonly<Record<string, string>>;
}

/** Besides the sources: the installed packages, as npm lists them, and what decides how to build. */
const surroundings = ['node_modules/.package-lock.json', 'package.json', 'tsconfig.json'];

/** The directory of an earlier build whose inputs are still the same. */
async function recall(root: string, record: string): Promise<string | undefined> {
  const text = await readFile(record, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { directory, inputs } = JSON.parse(text) as Build;
  const now = await hashInputs(root, Object.keys(inputs));
  return isDeepStrictEqual(now, inputs) ? directory : undefined;
}

async function remember(record: string, build: Build): Promise<void> {
  const draft = `${record}-${randomUUID()}`;
  await writeFile(draft, JSON.stringify(build));
  await rename(draft, record);
}

/** A file that is not there has the hash of nothing. */
async function hashInputs(root: string, paths: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const contents = await Promise.all(paths.map((path) => readFile(join(root, path)).catch(() => '')));
  return Object.fromEntries(paths.map((path, index) => [path, sha256(contents[index] ?? '')]));
}

/** A file system's clock ticks every few milliseconds only. */
const mtimeLagMs = 20;

async function changedSince(root: string, paths: readonly string[], sinceMs: number): Promise<boolean> {
  const changes = await Promise.all(paths.map((path) => stat(join(root, path)).catch(() => undefined)));
  return changes.some((change) => change !== undefined && change.mtimeMs > sinceMs - mtimeLagMs);
}

function sha256(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

async function findEntries(root: string, slugs: readonly string[] | undefined): Promise<readonly Entry[]> {
  const lambdas = join(root, 'lambdas');
  const folders = (await readdir(lambdas, { withFileTypes: true })).filter((folder) => folder.isDirectory());
  const chosen = folders.map(({ name }) => name).filter((name) => name !== 'kit' && (slugs?.includes(name) ?? true));
  const found = await Promise.all(
    chosen.toSorted().map(async (slug) => {
      const sources = (await readdir(join(lambdas, slug)))
        .filter((file) => file.endsWith('.ts') && !parts.has(file))
        .toSorted();
      const texts = await Promise.all(sources.map((file) => readFile(join(lambdas, slug, file), 'utf8')));
      return sources
        .filter((_, index) => handlerExport.test(texts[index] ?? ''))
        .map((file) => ({ source: `lambdas/${slug}/${file}`, name: `${slug}/${file.slice(0, -'.ts'.length)}` }));
    }),
  );
  return found.flat();
}

/** Edited contents by path from the root. */
async function applyEdits(
  root: string,
  edits: NonNullable<BundleOptions['edits']>,
): Promise<ReadonlyMap<string, string>> {
  return new Map(
    await Promise.all(
      Object.entries(edits).map(async ([file, edit]) => {
        const source = await readFile(join(root, file), 'utf8').catch(() => {
          throw new RunError(`cannot edit ${file}: there is no such file in the checkout`);
        });
        const contents = edit(source);
        if (contents === source) throw new RunError(`the edit of ${file} changes nothing: it must match the source`);
        return [file, contents] as const;
      }),
    ),
  );
}

interface Bundled {
  /** Contents by path below the directory to be. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Paths from the root, without those of packages. */
  readonly sources: readonly string[];
}

async function bundle(
  root: string,
  entries: readonly Entry[],
  edited: ReadonlyMap<string, string>,
  instrumented: boolean,
): Promise<Bundled> {
  // Nothing is written here. It is as deep as the default directories, so that source maps lead to the sources, and the
  // same on every build, so that their paths are equal wherever the bundles go.
  const outdir = join(root, '.designs', 'bundles', 'kind', 'hash');
  const result = await esbuild({
    absWorkingDir: root,
    entryPoints: entries.map(({ source, name }) => ({
      in: instrumented ? `proof:${source}` : `./${source}`,
      out: `${name}/index`,
    })),
    outdir,
    write: false,
    bundle: true,
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    platform: 'node',
    target: 'node24',
    // The SDK's ES modules: with its CommonJS ones nothing is left out, and a bundle is half as large again.
    mainFields: ['module', 'main'],
    // A CommonJS dependency requires Node's own modules while it runs, and an ES module has no `require`.
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    minify: true,
    // Error names, and the SDK's `instanceof`, are compared by class name.
    keepNames: true,
    legalComments: 'none',
    charset: 'utf8',
    sourcemap: 'linked',
    sourcesContent: false,
    metafile: true,
    logLevel: 'silent',
    plugins: [
      requiringHttp,
      ...(instrumented ? [wrapping(root)] : []),
      ...(edited.size > 0 ? [editing(root, edited)] : []),
    ],
  }).catch(explain);

  for (const file of edited.keys()) {
    if (!(file in result.metafile.inputs))
      throw new RunError(`the edit of ${file} changes nothing: no handler loads it`);
  }
  const files = new Map(result.outputFiles.map(({ path, contents }) => [relative(outdir, path), contents]));
  files.set('metafile.json', Buffer.from(JSON.stringify(result.metafile)));
  const sources = Object.keys(result.metafile.inputs).filter(
    (path) => !/node_modules\/|^(?:proof|required):/.test(path),
  );
  return { files, sources };
}

async function explain(failure: unknown): Promise<never> {
  const { errors } = failure as Partial<BuildFailure>;
  if (errors === undefined) throw failure;
  const messages = await formatMessages(errors, { kind: 'error' });
  throw new RunError(`the handlers do not compile:\n${messages.join('').trimEnd()}`);
}

/**
 * Requires node:http where a module imports it. An import looks at all exports at once, the lazy ones too, and so loads
 * undici, which no handler uses: a quarter of the time that a function needs to start.
 */
const requiringHttp: Plugin = {
  name: 'requiring http',
  setup(build) {
    build.onResolve({ filter: /^(?:node:)?http$/ }, ({ kind }) =>
      kind === 'require-call' ? undefined : { namespace: 'required', path: 'node:http' },
    );
    build.onLoad({ filter: /.*/, namespace: 'required' }, () => ({
      contents: "module.exports = require('node:http');",
    }));
  },
};

/** Puts the instrumentation around a handler: it loads first, so that it is there before any client makes a call. */
function wrapping(root: string): Plugin {
  return {
    name: 'proof',
    setup(build) {
      build.onResolve({ filter: /^proof:/ }, ({ path }) => ({ namespace: 'proof', path: path.slice('proof:'.length) }));
      build.onLoad({ filter: /.*/, namespace: 'proof' }, ({ path }) => ({
        resolveDir: root,
        contents: [
          `import { wrap } from ${JSON.stringify(instrumentation)};`,
          `import { handler as bare } from ${JSON.stringify(`./${path}`)};`,
          'export const handler = wrap(bare);',
        ].join('\n'),
      }));
    },
  };
}

function editing(root: string, edited: ReadonlyMap<string, string>): Plugin {
  return {
    name: 'edits',
    setup(build) {
      build.onLoad({ filter: /\.ts$/, namespace: 'file' }, ({ path }) => {
        const contents = edited.get(relative(root, path));
        return contents === undefined ? undefined : { contents, loader: 'ts' };
      });
    },
  };
}

/** Writes the files to a directory named after them. It appears in one step, whole, and is left alone if it is there. */
async function publish(outdir: string, files: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for (const [path, contents] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${path}\0${contents.length}\0`).update(contents);
  }
  const directory = join(outdir, hash.digest('hex').slice(0, 16));
  if (await touch(directory)) return directory;

  const draft = join(outdir, `.draft-${randomUUID()}`);
  for (const [path, contents] of files) {
    await mkdir(dirname(join(draft, path)), { recursive: true });
    await writeFile(join(draft, path), contents);
  }
  try {
    await rename(draft, directory);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Another process was first, with the same bytes.
    if (!(await touch(directory))) throw error;
  }
  return directory;
}

/** Marks a build as used now. False when it is not there. */
async function touch(directory: string): Promise<boolean> {
  const now = new Date();
  return utimes(directory, now, now).then(
    () => true,
    () => false,
  );
}

async function prune(outdir: string): Promise<void> {
  for (const name of await readdir(outdir)) {
    const path = join(outdir, name);
    const usedAt = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => Number.POSITIVE_INFINITY,
    );
    if (usedAt < Date.now() - unusedMaxMs) await rm(path, { recursive: true, force: true });
  }
}
