import type { Chosen, Difference } from './difference.ts';
import type { Told } from './worker.ts';

const element = <E extends HTMLElement>(id: string): E => document.getElementById(id) as E;
const form = element<HTMLFormElement>('form');
const status = element<HTMLElement>('status');
const progress = element<HTMLProgressElement>('progress');
const counts = element<HTMLTableElement>('counts');
const save = element<HTMLAnchorElement>('save');

/** The page's own work: what was chosen goes to a worker, so that the page stays alive; what comes back is shown. */
form.addEventListener('submit', (event) => {
  event.preventDefault();
  const files = (id: string): readonly File[] => [...(element<HTMLInputElement>(id).files ?? [])];
  const logs = [...files('logs'), ...files('folder')];
  const signed = files('signed')[0];
  if (!signed || logs.length === 0) {
    status.textContent = 'Choose the list of signed documents, and logs or a folder of them.';
    return;
  }
  const pattern = element<HTMLInputElement>('pattern').value;
  const bytes = logs.reduce((sum, { size }) => sum + size, 0);
  const chosen: Chosen = {
    signed,
    logs: logs.map((file) => ({ name: file.webkitRelativePath || file.name, blob: file })),
    ignoreCase: element<HTMLInputElement>('ignore-case').checked,
    ...(pattern === '' ? {} : { pattern }),
  };
  counts.replaceChildren();
  save.hidden = true;
  progress.hidden = false;
  progress.max = Math.max(1, bytes);
  progress.value = 0;
  status.textContent = 'Reading …';

  const worker = new Worker('worker.js', { type: 'module' });
  const end = (text: string): void => {
    worker.terminate();
    progress.hidden = true;
    status.textContent = text;
  };
  worker.addEventListener('error', (failure) => end(`The engine did not start: ${failure.message}`));
  worker.addEventListener('message', ({ data }: MessageEvent<Told>) => {
    if (data.kind === 'progress') {
      progress.value = data.bytesRead;
      status.textContent = `${number(data.logsDone)} of ${number(logs.length)} logs, ${megabytes(data.bytesRead)} of ${megabytes(bytes)}`;
    } else if (data.kind === 'error') end(`error: ${data.message}`);
    else {
      end(`${number(data.result.missed)} of ${number(data.result.signed)} signed documents were never notified.`);
      show(data.result);
    }
  });
  worker.postMessage(chosen);
});

function show(result: Difference): void {
  const seconds = result.milliseconds / 1000;
  const rows: readonly (readonly [string, string])[] = [
    ['Signed documents', number(result.signed)],
    ['Logs', number(result.logs)],
    ['Lines', number(result.lines)],
    ['Lines with a notification', number(result.matched)],
    ['Unreadable lines', number(result.unreadableLines)],
    ['Missed', number(result.missed)],
    ['Of these, logged in another case', number(result.missedByCase)],
    ['Time', `${seconds.toFixed(2)} s, ${megabytes(result.bytes / Math.max(seconds, 0.001))}/s (${result.engine})`],
  ];
  for (const [name, value] of rows) {
    const row = counts.insertRow();
    const heading = document.createElement('th');
    heading.scope = 'row';
    heading.textContent = name;
    row.append(heading);
    row.insertCell().textContent = value;
  }
  URL.revokeObjectURL(save.href);
  save.href = URL.createObjectURL(new Blob(result.missedLines as BlobPart[], { type: 'text/plain' }));
  save.hidden = false;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
