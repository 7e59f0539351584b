import { expect, it } from 'vitest';
import { readEnv } from '../../../lambdas/kit/env.ts';

const names = { documentsTable: 'DOCUMENTS_TABLE', logsBucket: 'LOGS_BUCKET' };

it('gives the values under the names that code uses', () => {
  const source = { DOCUMENTS_TABLE: 'documents', LOGS_BUCKET: 'logs', OTHER: 'x' };
  expect(readEnv(names, source)).toEqual({ documentsTable: 'documents', logsBucket: 'logs' });
});

it('names every variable that is missing or empty', () => {
  expect(() => readEnv(names, { LOGS_BUCKET: 'logs' })).toThrow(
    'missing environment variable DOCUMENTS_TABLE: the stack must set it on the function',
  );
  expect(() => readEnv(names, { LOGS_BUCKET: '' })).toThrow(
    'missing environment variables DOCUMENTS_TABLE, LOGS_BUCKET: the stack must set them on the function',
  );
});
