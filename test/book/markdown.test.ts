import { describe, expect, it } from 'vitest';
import { code, markdown } from '../../book/markdown.ts';

describe('the Markdown of a recorded diff', () => {
  it('has its headings below those of the page', () => {
    expect(markdown('# Title\n\n## 1. `Point`\n\n##### Deep').text).toBe(
      '<h3>Title</h3>\n<h4>1. <code>Point</code></h4>\n<h6>Deep</h6>\n',
    );
  });

  it('keeps the line of the bearer below the reason', () => {
    expect(markdown('> Why.\n> — `Relate`').text).toBe(
      '<blockquote>\n<p>Why.<br>— <code>Relate</code></p>\n</blockquote>\n',
    );
  });

  it('marks the lines of a diff by what they say', () => {
    expect(markdown('```diff\n- a <b>\n+ c\n! d\n  e\n```').text).toBe(
      '<pre tabindex="0"><code><span class="removed">- a &lt;b&gt;</span>\n<span class="added">+ c</span>\n' +
        '<span class="altered">! d</span>\n<span class="">  e</span>\n</code></pre>\n',
    );
  });

  it('has tables that scroll, with their columns aligned', () => {
    const { text } = markdown('| a | b |\n|---|--:|\n| < | 1 |');
    expect(text).toMatch(/^<div class="scrolling" role="region" aria-label="Table" tabindex="0"><table>/);
    expect(text).toContain('<td>&lt;</td>\n<td align="right">1</td>');
  });

  it.each([
    ['<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
    ['a <img src=x onerror=alert(1)> b', '<p>a &lt;img src=x onerror=alert(1)&gt; b</p>\n'],
    ['`<b>`', '<p><code>&lt;b&gt;</code></p>\n'],
    ['[text](javascript:alert(1))', '<p>text</p>\n'],
    ['[text](JAVASCRIPT:alert(1))', '<p>text</p>\n'],
    ['[text](data:text/html,x)', '<p>text</p>\n'],
    ['[a<b](https://example.com/?"x&y)', '<p><a href="https://example.com/?&quot;x&amp;y">a&lt;b</a></p>\n'],
    ['![<b>](https://example.com/x.png)', '<p>&lt;b&gt;</p>\n'],
  ])('obeys no markup in %j', (source, expected) => {
    expect(markdown(source).text).toBe(expected);
  });

  it('is plain where the code is no diff', () => {
    expect(code('- <a>\n+ b', 'ts').text).toBe('<pre tabindex="0"><code>- &lt;a&gt;\n+ b</code></pre>\n');
    expect(markdown('```\n+ a\n```').text).toBe('<pre tabindex="0"><code>+ a</code></pre>\n');
  });
});
