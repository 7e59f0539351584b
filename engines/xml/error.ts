/** A place in a file. The three name the same character. */
export interface Place {
  /** From 1. A line ends with LF, CR or CRLF. */
  readonly line: number;
  /** In characters (code points), from 1; a byte order mark is none. */
  readonly column: number;
  /** Offset in the file, from 0, a byte order mark counted. */
  readonly byte: number;
}

/**
 * A document that is malformed, refused or beyond a limit, at the first character at which that can be known: the same
 * place however the file was split and however its bytes arrived. The message says what, the value and the remedy; it
 * lacks the file's name and the place, which the caller adds (`placeText`).
 */
export class XmlError extends Error implements Place {
  override readonly name = 'XmlError';
  readonly line: number;
  readonly column: number;
  readonly byte: number;

  constructor(message: string, { line, column, byte }: Place, options?: ErrorOptions) {
    super(message, options);
    this.line = line;
    this.column = column;
    this.byte = byte;
  }
}

/** `line 3, column 14, byte 159`: what follows a file's name. */
export function placeText({ line, column, byte }: Place): string {
  return `line ${line}, column ${column}, byte ${byte}`;
}
