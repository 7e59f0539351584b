/**
 * Bounds on everything that a document decides. Characters are UTF-16 code units, what JavaScript's memory is counted
 * in; of a name, an attribute's value or a text after references are resolved, of a record as it stands in the file.
 */
export interface XmlLimits {
  /** Open elements, the root and the record's own included. */
  readonly depthMax: number;
  /** Attributes of one element. */
  readonly attributesMax: number;
  /** One name: of an element, an attribute, a processing instruction. */
  readonly nameCharsMax: number;
  /** One text between two tags, one attribute's value, one comment, CDATA section or processing instruction. */
  readonly textCharsMax: number;
  /**
   * What is held at a time: one record, from its start tag to its end tag, the names and attributes of all the elements
   * around it, and the attributes of one element.
   */
  readonly recordCharsMax: number;
}

export const defaultLimits: XmlLimits = {
  depthMax: 256,
  attributesMax: 256,
  nameCharsMax: 1024,
  textCharsMax: 4 * 1024 * 1024,
  recordCharsMax: 16 * 1024 * 1024,
};

/**
 * The longest start tag that is kept as text for the readers of later cuts. A longer one is no error: it only ends the
 * splitting there, and one reader takes the rest of the file.
 */
export const openTagBytesMax = 64 * 1024;

/** The same for all start tags that a `RangeSummary` carries. */
export const summaryCharsMax = 256 * 1024;
