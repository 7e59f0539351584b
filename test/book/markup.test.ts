import { describe, expect, it } from 'vitest';
import { markup, type Part } from '../../book/markup.ts';

describe('a template', () => {
  it('escapes every value, in text and in attributes', () => {
    const value = `<script>"&'</script>`;
    expect(markup`<p title="${value}">${value}</p>`.text).toBe(
      '<p title="&lt;script&gt;&quot;&amp;&#39;&lt;/script&gt;">&lt;script&gt;&quot;&amp;&#39;&lt;/script&gt;</p>',
    );
  });

  it('keeps the markup of another one, also in lists', () => {
    expect(markup`<ul>${['a', '<b>'].map((item) => markup`<li>${item}</li>`)}</ul>`.text).toBe(
      '<ul><li>a</li><li>&lt;b&gt;</li></ul>',
    );
  });

  it('writes numbers, zero among them, and nothing for undefined', () => {
    expect(markup`${0}${1.5}${undefined}${[undefined, 'x']}`.text).toBe('01.5x');
  });

  it('takes no other object for markup', () => {
    const part: unknown = { text: '<b>' };
    expect(() => markup`${part as Part}`).toThrow(TypeError);
  });
});
