import { Marked, Renderer, type Tokens } from 'marked';
import { escaped, Markup, markup } from './markup.ts';
import { scrolling } from './layout.ts';

/** Below the headings of the page. */
const headingOffset = 2;

const plainTable = Renderer.prototype.table as (this: unknown, token: Tokens.Table) => string;

const marked = new Marked({
  breaks: true,
  renderer: {
    heading({ tokens, depth }: Tokens.Heading) {
      const level = Math.min(6, depth + headingOffset);
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>\n`;
    },
    code({ text, lang = '' }: Tokens.Code) {
      return code(text, lang).text;
    },
    table(token: Tokens.Table) {
      return scrolling('Table', new Markup(plainTable.call(this, token))).text;
    },
    // The text may hold anything that a template holds: markup in it is shown, not obeyed.
    html: ({ text }: Tokens.HTML | Tokens.Tag) => escaped(text),
    image: ({ text }: Tokens.Image) => escaped(text),
    link({ href, tokens }: Tokens.Link) {
      const text = this.parser.parseInline(tokens);
      return /^https?:/.test(href) ? `<a href="${escaped(href)}">${text}</a>` : text;
    },
  },
});

/** Markdown such as a recorded diff's as HTML, its headings two levels lower. */
export function markdown(text: string): Markup {
  return new Markup(marked.parse(text, { async: false }));
}

const marks: Readonly<Record<string, string>> = { '+': 'added', '-': 'removed', '!': 'altered' };

/** A block of code; of a diff, each line by what it says. */
export function code(text: string, language: string): Markup {
  const lines =
    language === 'diff'
      ? text.split('\n').map((line) => markup`<span class="${marks[line[0] ?? '']}">${line}</span>\n`)
      : text;
  return markup`<pre tabindex="0"><code>${lines}</code></pre>\n`;
}
