import { readFileSync } from 'node:fs';
import type { AggregateOptions } from '../../../engines/xml/aggregate.ts';

/** A document that somebody wrote for another purpose, and what one would ask of it. */
export interface RealDocument extends Pick<AggregateOptions, 'sum' | 'by'> {
  readonly name: string;
  readonly file: Uint8Array;
  readonly tag: string;
  /** As many as the document is known to have. */
  readonly records: number;
}

/** Of a release that came with the feeds of its tests: current ones do not. */
export function feed(name: string): Buffer {
  return readFileSync(new URL(`test/feeds/${name}`, import.meta.resolve('feedparser/package.json')));
}

/** A POM of the CDK’s templates. */
function pom(template: string): Buffer {
  return readFileSync(
    new URL(`lib/init-templates/${template}/java/pom.xml`, import.meta.resolve('aws-cdk/package.json')),
  );
}

/** Feeds (RSS, Atom), Maven POMs and SVG, as packages carry them. */
export function realDocuments(): readonly RealDocument[] {
  const icons = readFileSync(new URL(import.meta.resolve('bootstrap-icons/bootstrap-icons.svg')));
  const feeds = [
    ['rss2sample.xml', 'item', 4, { by: 'author' }],
    ['category-feed.xml', 'item', 1, { by: 'category/@domain' }],
    ['guid-dupes.xml', 'item', 1, { by: 'guid' }],
    ['mediacontent-dupes.xml', 'item', 1, { by: 'media:content/@type', sum: 'enclosure/@length' }],
    ['wapowellness.xml', 'item', 29, { by: 'dc:creator' }],
    ['intertwingly.atom', 'entry', 20, { by: 'content/@type', sum: 'link/@thr:count' }],
    ['intertwingly.atom', 'svg', 20, { by: '@viewBox', sum: '@width' }],
    ['complexNamespaceFeed.xml', 'entry', 1, { by: 'category/@term' }],
    ['nondefaultnamespace.atom', 'a:entry', 1, { by: 'title' }],
    ['nondefaultnamespace-xhtml.atom', 'entry', 1, { by: 'content/h:div/h:p' }],
    ['nondefaultnamespace-baseline.atom', 'li', 3, { by: 'a/@href' }],
    ['unknown-namespace.atom', 'li', 2, {}],
  ] as const;
  return [
    ...feeds.map(([name, tag, records, options]) => ({ name, file: feed(name), tag, records, ...options })),
    { name: 'a POM', file: pom('app'), tag: 'plugin', records: 2, by: 'groupId', sum: 'configuration/release' },
    { name: 'another POM', file: pom('sample-app'), tag: 'dependency', records: 3, by: 'scope' },
    { name: 'an SVG', file: icons, tag: 'symbol', records: 2078, by: 'path/@fill-rule', sum: 'rect/@height' },
    { name: 'its paths', file: icons, tag: 'path', records: 3053, by: '@fill-rule' },
  ];
}
