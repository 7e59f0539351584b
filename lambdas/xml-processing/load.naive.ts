import { randomUUID } from 'node:crypto';
import { DOMParser, type Element } from '@xmldom/xmldom';
import { parsePath, valuesAt } from '../../engines/xml/path.ts';
import { toJson, type XmlElement } from '../../engines/xml/record.ts';
import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { loadAllVariables } from './env.ts';
import { parseLoadInput } from './input.ts';
import { aggregates, documents, singleRecords } from './store.ts';

const env = readEnv(loadAllVariables);
const source = documents(env.documentsBucket);
const records = singleRecords(env.recordsTable);
const totals = aggregates(env.aggregatesTable);

/** Reads everything, builds the tree, stores and adds one record after the other. */
export const handler = run(async (input: unknown): Promise<{ readonly records: number }> => {
  const { key, tag, sum, by } = parseLoadInput(input);
  const tree = new DOMParser().parseFromString(await source.text(key), 'text/xml');
  const elements = [...tree.getElementsByTagName(tag)];
  for (const element of elements) {
    const record = elementOf(element);
    await records.put(randomUUID(), key, JSON.stringify(toJson(record)));
    await totals.add(key, valueAt(record, by) ?? 'none', valueAt(record, sum) ?? '0');
  }
  return { records: elements.length };
});

function valueAt(record: XmlElement, path: string | undefined): string | undefined {
  return path === undefined ? undefined : valuesAt(record, parsePath(path))[0];
}

function elementOf({ tagName, attributes, childNodes }: Element): XmlElement {
  const children: (XmlElement | string)[] = [];
  for (const child of childNodes) {
    if (child.nodeType === child.ELEMENT_NODE) children.push(elementOf(child as Element));
    else if (child.nodeType === child.TEXT_NODE || child.nodeType === child.CDATA_SECTION_NODE) {
      const before = typeof children.at(-1) === 'string' ? (children.pop() as string) : '';
      children.push(before + child.nodeValue);
    }
  }
  return {
    name: tagName,
    attributes: Object.fromEntries([...attributes].map(({ name, value }) => [name, value])),
    children,
  };
}
