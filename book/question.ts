import type { Question } from '../lib/kit/question.ts';
import type { Page } from '../tools/io/loopback.ts';
import { number } from '../tools/io/words.ts';
import type { ProofResult } from '../tools/prove/prove.ts';
import type { SourceFile } from '../tools/show/show.ts';
import { pathOf } from './front.ts';
import { type Markup, markup } from './markup.ts';
import { layout } from './layout.ts';
import { code, markdown } from './markdown.ts';
import { proofSection, propertyId } from './proof.ts';

/** A built question, and what is recorded of it. */
export interface Chapter {
  readonly question: Question;
  /** In reading order. */
  readonly files: readonly SourceFile[];
  /** The committed diff, as Markdown; absent as long as nobody has recorded one, and so the proof. */
  readonly diff: string | undefined;
  readonly record: ProofResult | undefined;
  /** The built questions before and after it, where there are any. */
  readonly previous?: Question | undefined;
  readonly next?: Question | undefined;
}

/** One question, top to bottom. */
export function questionPage({ question, files, diff, record, previous, next }: Chapter): Page {
  const { number: place, slug, title, ask, variants } = question;
  const last = variants.at(-1)!;
  return layout({
    title,
    main: markup`<h1><span class="number">${place}</span> ${title}</h1>
      <p class="lead">${ask}</p>
      <nav class="sections" aria-label="Sections">
        <a href="#load">Load</a> <a href="#points">Points</a> <a href="#diagram">Diagram</a> <a href="#proof">Proof</a>
        <a href="#diff">Diff</a> <a href="#code">Code</a>
      </nav>
      <section>
        <h2 id="load">Load</h2>
        <dl class="load">
          ${Object.entries(question.load).map(
            ([name, { value, unit }]) =>
              markup`<div>
                <dt>${name}</dt>
                <dd>${number(value)} ${unit}</dd>
              </div>`,
          )}
        </dl>
      </section>
      <section>
        <h2 id="points">Points</h2>
        <ol class="points">
          ${question.points.map((point) => pointItem(point, record))}
        </ol>
      </section>
      <section>
        <h2 id="diagram">Diagram: ${last}</h2>
        <p>
          What ${last} deploys and how it is wired, read off its template: synthesised now, which takes seconds.
          <a href="${pathOf(question)}/diagram.txt">The same as text</a>
        </p>
        <a class="picture" href="${pathOf(question)}/diagram.svg"
          ><img src="${pathOf(question)}/diagram.svg" alt="Diagram of what ${last} deploys, in full size"
        /></a>
      </section>
      <section>
        <h2 id="proof">Proof</h2>
        ${record === undefined ? none(`npx designs prove ${slug} --record`) : proofSection(record)}
      </section>
      <section class="diff">
        <h2 id="diff">Diff</h2>
        ${diff === undefined ? none(`npx designs diff ${slug} --record`) : markdown(diff)}
      </section>
      <section>
        <h2 id="code">Code</h2>
        <p>In reading order: the question, its stacks, what runs in the cloud, what stands outside, the proof.</p>
        ${files.map(
          ({ path, source }) =>
            markup`<details>
              <summary><code>${path}</code></summary>
              ${code(source.trimEnd(), 'ts')}
            </details>`,
        )}
      </section>
      <nav class="pager" aria-label="Questions">
        ${previous && markup`<a rel="prev" href="${pathOf(previous)}">← ${previous.title}</a>`}
        ${next && markup`<a rel="next" href="${pathOf(next)}">${next.title} →</a>`}
      </nav>`,
  });
}

function none(remedy: string): Markup {
  return markup`<p>None is recorded yet: <code>${remedy}</code></p>`;
}

function pointItem(
  { n, text, answer, properties }: Question['points'][number],
  record: ProofResult | undefined,
): Markup {
  return markup`<li id="point-${n}">
    <h3>${text}</h3>
    ${markdown(answer)}
    <p class="proved">Proved by:</p>
    <ul class="proved">
      ${properties.map((name) => markup`<li>${propertyLink(name, record)}</li>`)}
    </ul>
  </li>`;
}

function propertyLink(name: string, record: ProofResult | undefined): Markup | string {
  const id = propertyId(record?.properties ?? [], name);
  return id === undefined ? name : markup`<a href="#${id}">${name}</a>`;
}
