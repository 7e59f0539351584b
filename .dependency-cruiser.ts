import type { ICruiseOptions, IForbiddenRuleType } from 'dependency-cruiser';

// Which room may import what: the table of rooms, as rules. `test/house/imports.test.ts` runs them, and plants a
// violation of each one. By hand: npx depcruise bin engines lambdas lib tools test

const sdk = '^node_modules/(@aws-sdk|@smithy)/';
const handlerPackages = '^node_modules/(@middy|@aws-lambda-powertools|@smithy|zod|secure-json-parse)/';
const cdk = '^node_modules/(aws-cdk-lib|constructs)/';
const handlerTypes = '(^|/)aws-lambda(/|$)';

/** What single questions are about, or cannot do well without. */
const questionPackages = '^node_modules/(p-map|@xmldom/xmldom)/';

/** A file or folder may import what `allowed` matches, and nothing else; Node's own modules are another rule's matter. */
function mayImport(
  name: string,
  from: string | IForbiddenRuleType['from'],
  allowed: string[],
  comment: string,
): IForbiddenRuleType {
  return {
    name,
    comment,
    severity: 'error',
    from: typeof from === 'string' ? { path: from } : from,
    to: { pathNot: allowed, dependencyTypesNot: ['core'], couldNotResolve: false },
  };
}

function mayNotImport(name: string, from: string, forbidden: string, comment: string): IForbiddenRuleType {
  return { name, comment, severity: 'error', from: { path: from }, to: { path: forbidden } };
}

export const forbidden: readonly IForbiddenRuleType[] = [
  mayImport(
    'engines import engines only',
    { path: '^engines/', pathNot: '^engines/(xml/parser|log-diff/analyse)\\.ts$' },
    ['^engines/'],
    'an engine is pure computation: give it what it needs as an argument',
  ),
  mayImport(
    "the XML engine's parser imports saxes",
    '^engines/xml/parser\\.ts$',
    ['^engines/', '^node_modules/saxes/'],
    'one file knows which parser it is',
  ),
  mayImport(
    "the log engine's analysis imports regexpp",
    '^engines/log-diff/analyse\\.ts$',
    ['^engines/', '^node_modules/@eslint-community/regexpp/'],
    'one file knows what a regular expression is made of',
  ),
  {
    name: 'pure code loads nothing of Node',
    comment:
      'the same file runs in a browser: take bytes, time and ids as arguments, and leave files to tools or store.ts',
    severity: 'error',
    from: {
      path: [
        '^engines/',
        '^lambdas/(?!kit/)[^/]+/(domain|env)\\.ts$',
        '^lib/questions/[^/]+/question\\.ts$',
        '^book/browser/',
      ],
    },
    to: { dependencyTypes: ['core'] },
  },
  mayImport(
    'a domain decides and imports engines only',
    '^lambdas/(?!kit/)[^/]+/domain\\.ts$',
    ['^engines/', '^lambdas/kit/'],
    'return a decision from domain.ts and let store.ts act on it',
  ),
  {
    name: "a domain takes the kit's types only",
    comment: 'write `import type`, and take the value as an argument',
    severity: 'error',
    from: { path: '^lambdas/(?!kit/)[^/]+/domain\\.ts$' },
    to: { path: '^lambdas/kit/', dependencyTypesNot: ['type-only'] },
  },
  mayImport(
    "a store imports the SDK, its question's domain and engines",
    '^lambdas/(?!kit/)([^/]+)/store\\.ts$',
    [sdk, '^lambdas/$1/(domain|env)\\.ts$', '^lambdas/kit/', '^engines/'],
    'store.ts holds the effects on AWS: move the rest to domain.ts or to the handler',
  ),
  mayImport(
    'an env names variables only',
    '^lambdas/(?!kit/)([^/]+)/env\\.ts$',
    ['^lambdas/kit/'],
    'stacks import env.ts, so it may load nothing that a stack does not need',
  ),
  mayImport(
    'an input is parsed, not acted on',
    '^lambdas/(?!kit/)([^/]+)/input\\.ts$',
    ['^lambdas/$1/domain\\.ts$', '^node_modules/zod/'],
    'input.ts turns what arrives into what the domain takes',
  ),
  mayImport(
    'steps are told their effects',
    '^lambdas/(?!kit/)([^/]+)/steps\\.ts$',
    ['^lambdas/$1/(domain|store)\\.ts$', '^lambdas/kit/', '^engines/', questionPackages],
    'steps.ts is what several handlers of a question do: take stores and clocks as arguments',
  ),
  {
    name: "steps take the store's types only",
    comment: 'write `import type`, and let the handler make the store',
    severity: 'error',
    from: { path: '^lambdas/(?!kit/)[^/]+/steps\\.ts$' },
    to: { path: '/store\\.ts$', dependencyTypesNot: ['type-only'] },
  },
  mayImport(
    'a handler is wiring',
    { path: '^lambdas/(?!kit/)([^/]+)/', pathNot: '/(domain|input|store|env|steps)\\.ts$' },
    [
      '^lambdas/$1/(domain|input|store|env|steps)\\.ts$',
      '^lambdas/kit/',
      '^engines/',
      handlerPackages,
      handlerTypes,
      questionPackages,
    ],
    'a handler wires input, domain, steps, store and env: clients are made in store.ts (as the default of an argument), what handlers share is in steps.ts, and a package that the question needs is named in questionPackages',
  ),
  mayImport(
    'lambdas/kit knows no question',
    '^lambdas/kit/',
    ['^lambdas/kit/', '^engines/', sdk, handlerPackages, handlerTypes],
    'what only one question needs stays in its folder',
  ),
  mayImport(
    "a client imports its question's domain and engines",
    '^clients/([^/]+)/',
    ['^clients/$1/', '^lambdas/$1/domain\\.ts$', '^engines/', '^node_modules/'],
    'a client stands outside the cloud: it shares decisions with its handlers, never effects or stacks',
  ),
  mayImport(
    'a question is data',
    '^lib/questions/[^/]+/question\\.ts$',
    ['^lib/kit/question\\.ts$'],
    'question.ts is loaded for all questions at once: keep it to its record',
  ),
  {
    name: 'the catalogue never loads the CDK',
    comment: '`designs list` answers at once because stacks load lazily: import the stack where it is synthesised',
    severity: 'error',
    from: { path: ['^lib/catalogue\\.ts$', '^lib/questions/[^/]+/question\\.ts$'] },
    to: { path: ['^node_modules/(aws-cdk-lib|constructs|@aws-cdk|@aws-sdk)/'], reachable: true },
  },
  mayImport(
    'a stack imports the CDK, the kit and its env',
    { path: '^lib/questions/([^/]+)/', pathNot: '/(question|proof)\\.ts$' },
    [cdk, '^lib/kit/', '^lambdas/$1/env\\.ts$', '^lib/questions/$1/question\\.ts$'],
    'a stack reads as its diagram, alone: variants share through lib/kit at the third use, never with each other',
  ),
  mayImport(
    'a proof drives from outside',
    '^lib/questions/([^/]+)/proof\\.ts$',
    [
      sdk,
      '^engines/',
      '^lambdas/$1/domain\\.ts$',
      '^clients/$1/',
      '^lib/kit/proof\\.ts$',
      '^lib/questions/$1/question\\.ts$',
      questionPackages,
    ],
    'a proof knows the deployed outputs and the domain: it may not look at stacks, stores, handlers or tools',
  ),
  mayImport(
    'lib/kit knows no question',
    '^lib/kit/',
    ['^lib/kit/', '^engines/', cdk, '^node_modules/cdk-nag/'],
    'what only one question needs stays in its stack',
  ),
  {
    name: 'no question imports another',
    comment: 'a question reads alone: copy the three lines, or share them in lib/kit or lambdas/kit at the third use',
    severity: 'error',
    from: { path: '^(?:lib/questions|lambdas|clients)/(?!kit/)([^/]+)/' },
    to: {
      path: '^(?:lib/questions|lambdas|clients)/(?!kit/)[^/]+/',
      pathNot: '^(?:lib/questions|lambdas|clients)/$1/',
    },
  },
  mayNotImport(
    'what is deployed knows no tool',
    '^(engines|lambdas|clients|lib)/',
    '^(tools|bin|book|bench|test)/',
    'imports point downwards: move the shared part below',
  ),
  mayNotImport(
    'tools know nothing above them',
    '^tools/',
    '^(bin|book|bench|test)/',
    'imports point downwards: move the shared part into tools',
  ),
  mayNotImport(
    'the book knows nothing above it',
    '^book/',
    '^(bin|bench)/',
    'the book is made of the catalogue and of what tools make of it',
  ),
  mayImport(
    'a page of the book runs engines only',
    '^book/browser/',
    ['^book/browser/', '^engines/'],
    'what a browser runs is bundled: leave what needs files to the pages',
  ),
  mayNotImport('only tests import tests', '^(bin|book|bench)/', '^test/', 'move what both need out of the test'),
  {
    name: 'no circles',
    comment: 'two files that import each other are one file, or miss a third',
    severity: 'error',
    from: {},
    to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
  },
  {
    name: 'every import resolves',
    comment: 'name an existing file with its ending, or a package of package.json',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true, pathNot: handlerTypes },
  },
];

export const options: ICruiseOptions = {
  // The default parser needs TypeScript below 7; with 7 it checks no module at all, and passes.
  parser: 'swc',
  preserveSymlinks: true,
  tsPreCompilationDeps: 'specify',
  doNotFollow: { path: '^node_modules' },
  enhancedResolveOptions: {
    extensions: ['.ts', '.mjs', '.js'],
    exportsFields: ['exports'],
    conditionNames: ['import', 'node', 'default'],
  },
};

/** For dependency-cruiser's own command line, which wants a default export. */
export default { forbidden, options };
