import { createRequire } from 'node:module';
import { afterEach, describe, expect, it } from 'vitest';
import { Diagrams } from '../../book/diagrams.ts';

let diagrams: Diagrams | undefined;
afterEach(() => diagrams?.close());

describe('the diagrams of the book', () => {
  it('are drawn once, off the templates, in another thread than the one that serves', async () => {
    diagrams = new Diagrams();
    const first = diagrams.of('idempotent-apis');
    expect(diagrams.of('idempotent-apis')).toBe(first);
    const { svg, text } = await first;
    const loadedHere = Object.keys(createRequire(import.meta.url).cache);
    expect(loadedHere.filter((file) => file.includes('/aws-cdk-lib/'))).toEqual([]);
    expect(svg).toMatch(/^<svg [^]*<text class="name" [^>]*>Charge<\/text>/);
    expect(text).toMatch(/^ {2}→ Charge: POST \/charges$/m);
  });

  it('are tried again after an error', async () => {
    diagrams = new Diagrams();
    const failed = diagrams.of('idempotent-api');
    await expect(failed).rejects.toThrow('unknown question "idempotent-api": did you mean idempotent-apis?');
    const again = diagrams.of('idempotent-api');
    expect(again).not.toBe(failed);
    await expect(again).rejects.toThrow('unknown question');
  });
});
