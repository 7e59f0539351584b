import { questions } from '../engines/consistency/choose.ts';
import type { Page } from '../tools/io/loopback.ts';
import { type Markup, markup } from './markup.ts';
import { layout } from './layout.ts';

/** The decision helper: book/browser/choose.ts fills in what follows from the answers. */
export function choosePage(): Page {
  return layout({
    title: 'Strong or eventual?',
    script: '/choose.js',
    main: markup`<h1>Strong or eventual?</h1>
      <p class="lead">
        Five answers lead to a consistency, the setting that gives it, and what it costs. The answers are in the
        address: whoever has it sees the same choice.
      </p>
      <noscript
        ><p>
          The choice is computed in the browser, and scripts are off. The same on the command line:
          <code>npx designs choose</code>
        </p></noscript
      >
      <div class="helper">
        <form id="answers" autocomplete="off">
          ${Object.entries(questions).map(([name, question]) => fieldset(name, question))}
          <p><a href="/choose">Start again</a></p>
        </form>
        <section id="choice" aria-labelledby="choice-title">
          <h2 id="choice-title">The choice</h2>
          <p id="verdict" role="status"></p>
          <div id="settings"></div>
          <p>On the command line:</p>
          <pre tabindex="0"><code id="command"></code></pre>
        </section>
      </div>`,
  });
}

function fieldset(
  name: string,
  { asks, answers }: { readonly asks: string; readonly answers: readonly string[] },
): Markup {
  return markup`<fieldset>
    <legend>${asks}</legend>
    ${answers.map((answer) => markup`<label><input type="radio" name="${name}" value="${answer}" /> ${answer}</label>`)}
  </fieldset>`;
}
