import { isBuilt, type Question } from '../lib/kit/question.ts';
import type { Page } from '../tools/io/loopback.ts';
import { count } from '../tools/io/words.ts';
import { type Markup, markup } from './markup.ts';
import { layout } from './layout.ts';

export function pathOf({ slug }: Pick<Question, 'slug'>): string {
  return `/questions/${slug}`;
}

/** Every question, and what there is of it. */
export function frontPage(questions: readonly Question[]): Page {
  const points = questions.reduce((sum, question) => sum + question.points.length, 0);
  return layout({
    title: 'Deployable Designs',
    main: markup`<h1>Deployable Designs</h1>
      <p class="lead">
        System-design questions, each answered by two CDK stacks or more: the naive design and the one that holds. The
        diff between them explains the design; one workload thrown at all of them proves it.
      </p>
      <p>
        ${count(questions.length, 'question')}, ${questions.filter(isBuilt).length} built, ${count(points, 'point')}.
      </p>
      <aside>
        <a href="/choose">Strong or eventual?</a> Five answers lead to a consistency, its setting and its cost.
      </aside>
      <ol class="questions">
        ${questions.map(entry)}
      </ol>`,
  });
}

function entry(question: Question): Markup {
  const { number, title, ask, variants, points } = question;
  const built = isBuilt(question);
  return markup`<li${built ? undefined : markup` class="planned"`}>
          <h2>
            <span class="number">${number}</span>
            ${built ? markup`<a href="${pathOf(question)}">${title}</a>` : title}
          </h2>
          <p>${ask}</p>
          <p class="facts">${built ? variants.join(', ') : 'not built yet'} · ${count(points.length, 'point')}</p>
        </li>
        `;
}
