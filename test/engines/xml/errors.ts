import { XmlError, type Place } from '../../../engines/xml/error.ts';
import { RecordReader, type ReaderOptions } from '../../../engines/xml/reader.ts';
import { split } from './split.ts';

export interface Refused extends Place {
  readonly message: string;
  /** Records handed out before it. */
  readonly records: number;
}

/**
 * The error of a file split at these offsets: of its first cut that has one, as whoever reads the cuts reports it.
 * Undefined when there is none.
 */
export function errorOf(
  file: Uint8Array,
  tag: string,
  offsets: readonly number[],
  { pushBytes = file.length, limits }: { pushBytes?: number; limits?: ReaderOptions['limits'] } = {},
): Refused | undefined {
  let records = 0;
  try {
    const cuts = offsets.length === 0 ? [undefined] : split(file, tag, offsets, pushBytes);
    for (const cut of cuts) {
      const reader = new RecordReader({
        tag,
        ...(cut ? { start: cut } : {}),
        ...(limits ? { limits } : {}),
        onRecord: () => records++,
      });
      const to = cut?.to ?? file.length;
      for (let at = cut?.from ?? 0; at < to; at += pushBytes)
        reader.push(file.subarray(at, Math.min(to, at + pushBytes)));
      reader.finish();
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    const { message, line, column, byte } = error;
    return { message, line, column, byte, records };
  }
}
