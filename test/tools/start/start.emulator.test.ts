import { expect, inject, it } from 'vitest';
import { runDesigns } from '../run-designs.ts';

it('npm start finds and notifies exactly what was missed, and says what to try next', async () => {
  const printed = await runDesigns(inject('aws'), 'start', '--documents', '3000', '--seed', '7');
  expect(printed).toMatch(
    /([1-9]\d*) were missed; 0 of them not notified, 0 others notified, 0 notified twice\n[^]*npx designs prove/,
  );
  expect(printed).toContain('"complete": true');
});
