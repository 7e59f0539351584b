import { choose, type Choice, costText, questions, type Setting } from '../../engines/consistency/choose.ts';
import { commandOf, type Given, givenIn, isComplete, queryOf, unanswered } from './answers.ts';

const byId = <E extends HTMLElement>(id: string): E => document.getElementById(id) as E;
const form = byId<HTMLFormElement>('answers');

form.addEventListener('change', () => {
  const given = givenIn(new FormData(form));
  // Replaced, not added: the way back leads to the page before, not through every answer.
  history.replaceState(null, '', `${location.pathname}${queryOf(given)}`);
  show(given);
});

const shared = givenIn(new URLSearchParams(location.search));
for (const radio of form.querySelectorAll<HTMLInputElement>('input[type=radio]')) {
  radio.checked = radio.value === (shared as Readonly<Record<string, string>>)[radio.name];
}
show(shared);

function show(given: Given): void {
  // Each option in one piece, which a line may not break at a hyphen.
  byId('command').replaceChildren(...commandOf(given).flatMap((part) => [element('span', part), ' ']));
  if (isComplete(given)) showChoice(choose(given));
  else {
    const left = unanswered(given).map((name) => questions[name].asks);
    byId('verdict').replaceChildren(`Not answered yet: ${left.join(' ')}`);
    byId('settings').replaceChildren();
  }
}

/** Only the verdict is announced: the rest is there to be read on. */
function showChoice({ consistency, reason, read, write, cautions }: Choice): void {
  byId('verdict').replaceChildren(element('strong', consistency), `: ${reason}.`);
  byId('settings').replaceChildren(
    ...settingElements('Reads', read),
    ...settingElements('Writes', write),
    ...(cautions.length === 0
      ? []
      : [element('h3', 'Notes'), element('ul', ...cautions.map((caution) => element('li', `${caution}.`)))]),
  );
}

function settingElements(what: string, one: Setting): readonly HTMLElement[] {
  const { does, setting, why } = one;
  return [
    element('h3', `${what}: ${does}`),
    element('dl', ...entry('setting', setting), ...entry('cost', costText(one)), ...entry('because', why)),
  ];
}

function entry(name: string, text: string): readonly HTMLElement[] {
  return [element('dt', name), element('dd', text)];
}

function element(tag: string, ...children: readonly (string | HTMLElement)[]): HTMLElement {
  const made = document.createElement(tag);
  made.append(...children);
  return made;
}
