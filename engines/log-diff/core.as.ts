/**
 * The hot core of A - B, in AssemblyScript with SIMD. One instance a thread, with a memory of its own that the host lays
 * out (core.ts); nothing here allocates.
 *
 *   text of A   --parseIds-->  IDs  --scatter-->  one buffer a partition  --spill-->  blocks, kept by the host
 *   log lines   --scanLog--->  IDs  --scatter-->  one buffer a partition  --spill-->  blocks, kept by the host
 *   then, partition by partition:  insert A's blocks in a table, probe with the logs' blocks, collect what is unmarked
 *
 * Random access to memory is the cost of this job, not parsing. So IDs are moved in order, in blocks, to partitions
 * whose tables are small enough for the cache; and a table is probed in batches whose loads do not wait for each other.
 *
 * An ID is a key or a text. A key is a canonical UUID (lower case, not nil): its 16 bytes are the ID itself, so equal
 * keys are equal IDs. A text is any other run of 1 to 256 bytes: it is kept and compared whole. Neither relies on a hash
 * to be exact. The nil UUID is a text because 16 zero bytes mark an empty place in a table of keys.
 *
 * Text record, in blocks and in the arena:   | length - 1 u8 | bytes |
 */

/** Takes the block that a partition's buffer holds. kind 0: keys, 1: texts. */
@external("host", "spill") declare function spill(kind: u32, partition: u32, at: usize, bytes: u32): void;

// ---- what the host sets before anything else -----------------------------------------------------------------------

/**
 * 256 bytes, one a byte value: bit 0 may stand beside the marker, bit 1 ends an ID, as a line end does, bit 2 occurs in A
 * (either case), bit 3 may follow an ID (of a line end: whether it may).
 */
let classes: usize = 0;
const besideMarker: u32 = 1, endsIdOrLine: u32 = 2, occursInA: u32 = 4, followsId: u32 = 8;
/** 257 bytes, one a length: 1 if A has an ID so long. */
let lengths: usize = 0;
let marker: usize = 0;
let markerBytes: u32 = 0;
/** Four bytes, as a little-endian word, that stand before the ID, behind a byte that ends IDs; 0: the marker stands before it. */
let field: u32 = 0;
/** Not to be passed on the way from the marker to the field: where it stands another record may begin. */
let barrier: u32 = 0;
/** Offsets of the marker's two rarest bytes, which the search looks for. */
let rare1: u32 = 0, rare2: u32 = 0;
/** An ID is never (0), perhaps (1) or always (2) a UUID; if not always, a run of bytes up to one that ends an ID. */
let uuidMode: u32 = 1;
const never: u32 = 0, always: u32 = 2;
/** Bits that the byte behind a UUID has. */
let behindUuid: u32 = endsIdOrLine | followsId;
let idBytesMin: u32 = 1, idBytesMax: u32 = 256;
/** Which IDs are keys: 1 canonical UUIDs, 0 none (when case is ignored all are texts). */
let keysWanted: bool = true;
/** Of the tables: unknown to whoever makes IDs, who could otherwise make them collide. */
let tableSeed: u64 = 0;

/** Partition = the top bits of the hash under a seed of its own that never changes, so that the same input gives the same partitions. */
let partitionBits: u32 = 0;
const partitionSeed: u64 = 0;
/**
 * Per partition a buffer of blockBytes and 64 spare ones, and how much of it is used (u32). All fill at the same pace: at
 * distances of a power of two their ends would contend for the same few lines of the cache.
 */
let keyBuffers: usize = 0, keyUsed: usize = 0, textBuffers: usize = 0, textUsed: usize = 0, blockBytes: u32 = 0;
const bufferSpare: u32 = 64;

/** Room for what one batch finds: keys (16 bytes each), and texts and lines as pairs (at u32, bytes u32). */
let keys: usize = 0, texts: usize = 0, lines: usize = 0;
const batchMax: u32 = 8192;
/** 64 KiB for batches of slots, positions and whatever must not be optimised away. */
let scratch: usize = 0;

export function setMemory(classes_: usize, lengths_: usize, marker_: usize, keys_: usize, texts_: usize, lines_: usize, scratch_: usize): void {
  classes = classes_; lengths = lengths_; marker = marker_; keys = keys_; texts = texts_; lines = lines_; scratch = scratch_;
}
export function setPattern(markerBytes_: u32, rare1_: u32, rare2_: u32, field_: u32, barrier_: u32): void {
  markerBytes = markerBytes_; rare1 = rare1_; rare2 = rare2_; field = field_; barrier = barrier_;
}
export function setIdShape(uuid: u32, bytesMin: u32, bytesMax: u32): void {
  uuidMode = uuid; behindUuid = uuid == always ? followsId : endsIdOrLine | followsId;
  idBytesMin = max<u32>(bytesMin, 1); idBytesMax = bytesMax;
}
export function setIds(keysWanted_: bool, tableSeed_: u64): void { keysWanted = keysWanted_; tableSeed = tableSeed_; }
export function setPartitions(bits: u32, keyBuffers_: usize, keyUsed_: usize, textBuffers_: usize, textUsed_: usize, blockBytes_: u32): void {
  partitionBits = bits; keyBuffers = keyBuffers_; keyUsed = keyUsed_; textBuffers = textBuffers_; textUsed = textUsed_; blockBytes = blockBytes_;
}

// ---- hashes --------------------------------------------------------------------------------------------------------

const K1: u64 = 0x9E3779B97F4A7C15, K2: u64 = 0xD6E8FEB86659FD93, K3: u64 = 0xA0761D6478BD642F;

// @ts-ignore: decorator
@inline function hashKey(lo: u64, hi: u64, seed: u64): u32 {
  let h: u64 = (lo ^ seed) * K1;
  h = (h ^ (h >> 32) ^ hi) * K2;
  h = (h ^ (h >> 29)) * K3;
  return <u32>(h >> 32);
}
// @ts-ignore: decorator
@inline function hashKeyAt(key: usize, seed: u64): u32 { return hashKey(load<u64>(key), load<u64>(key, 8), seed); }

/** ASCII letters to lower case, eight bytes at once; every other byte stands for itself. */
// @ts-ignore: decorator
@inline function fold8(x: u64): u64 {
  const low: u64 = x & 0x7f7f7f7f7f7f7f7f;
  const letter = (low + 0x3f3f3f3f3f3f3f3f) & ~(low + 0x2525252525252525) & ~x & 0x8080808080808080;
  return x | (letter >> 2);
}
/** Of the text's lower case, so that texts which differ only by case share it. Reads up to 7 bytes past the end. */
// @ts-ignore: decorator
@inline function hashText(at: usize, bytes: u32, seed: u64): u32 {
  let h: u64 = seed ^ (<u64>bytes * K1);
  const end = at + bytes;
  let p = at;
  for (; p + 8 <= end; p += 8) h = rotl<u64>((h ^ fold8(load<u64>(p))) * K1, 29) * K2;
  if (p < end) h = rotl<u64>((h ^ fold8(load<u64>(p) & ((<u64>1 << ((end - p) << 3)) - 1))) * K1, 29) * K2;
  h = (h ^ (h >> 32)) * K3;
  return <u32>((h ^ (h >> 29)) >> 16);
}
/** h * n / 2^32: a place below n, for any n. */
// @ts-ignore: decorator
@inline function placeOf(h: u32, n: u32): u32 { return <u32>((<u64>h * <u64>n) >> 32); }

// ---- UUIDs ---------------------------------------------------------------------------------------------------------

/**
 * Reads 36 bytes at p as a UUID into 16 bytes at `out`; reads 36 bytes. `anyCase`: or else lower case only. False for
 * anything else and for the nil UUID; `out` is then undefined.
 */
// @ts-ignore: decorator
@inline function parseUuid(p: usize, out: usize, anyCase: bool): bool {
  if (((load<u64>(p, 8) ^ dashes) | (load<u64>(p, 18) ^ dashes)) & atDashes) return false;
  // Lanes loaded one by one take fewer instructions than shuffles, whose masks would be built anew each time.
  let x = v128.load32_lane(p, v128.load32_lane(p, v128.load64_zero(p), 2, 9), 3, 14);
  let y = v128.load64_lane(p, v128.load32_lane(p, v128.load32_zero(p, 19), 1, 24), 1, 28);
  if (anyCase) {
    // Letters only: in a valid UUID no other byte has its bit 6 set, and an invalid one stays invalid.
    x = v128.or(x, i8x16.shr_u(v128.and(x, i8x16.splat(0x40)), 1));
    y = v128.or(y, i8x16.shr_u(v128.and(y, i8x16.splat(0x40)), 1));
  }
  const nibbleX = nibbles(x), nibbleY = nibbles(y);
  // A byte is a digit if its value's digit is that byte.
  if (!i8x16.all_true(v128.and(i8x16.eq(x, i8x16.swizzle(hexDigits, nibbleX)), i8x16.eq(y, i8x16.swizzle(hexDigits, nibbleY))))) return false;
  const byteX = v128.and(v128.or(i16x8.shl(nibbleX, 4), i16x8.shr_u(nibbleX, 8)), i16x8.splat(0xff));
  const byteY = v128.and(v128.or(i16x8.shl(nibbleY, 4), i16x8.shr_u(nibbleY, 8)), i16x8.splat(0xff));
  const key = i8x16.narrow_i16x8_u(byteX, byteY);
  v128.store(out, key);
  return v128.any_true(key);
}
/** Dashes in the first and the sixth of eight bytes. */
const dashes: u64 = 0x00002D000000002D, atDashes: u64 = 0x0000FF00000000FF;
/** Of each byte the value that it has as a hexadecimal digit in lower case; of others anything. */
// @ts-ignore: decorator
@inline function nibbles(x: v128): v128 {
  const letter = v128.and(x, i8x16.splat(0x40));
  return i8x16.add(v128.and(x, i8x16.splat(15)), v128.or(i16x8.shr_u(letter, 6), i16x8.shr_u(letter, 3)));
}

const hexDigits: v128 = i8x16(48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102);
/** Writes the 36 bytes of the key's text to `out`; writes 40. */
// @ts-ignore: decorator
@inline function formatUuid(key: usize, out: usize): void {
  const v = v128.load(key);
  const high = i8x16.swizzle(hexDigits, v128.and(i8x16.shr_u(v, 4), i8x16.splat(15)));
  const low = i8x16.swizzle(hexDigits, v128.and(v, i8x16.splat(15)));
  const x = i8x16.shuffle(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const y = i8x16.shuffle(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  v128.store(out, x);
  store<u8>(out, 45, 8);
  v128.store(out + 9, i8x16.shuffle(x, x, 8, 9, 10, 11, 0, 12, 13, 14, 15, 0, 0, 0, 0, 0, 0, 0));
  store<u8>(out, 45, 13);
  store<u8>(out, 45, 18);
  v128.store(out + 19, y);
  store<u8>(out, 45, 23);
  v128.store(out + 24, i8x16.shuffle(y, y, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 0, 0));
}

// ---- IDs to partitions ---------------------------------------------------------------------------------------------

/** Moves n keys at `from` to their partitions' buffers. */
function scatterKeys(from: usize, n: u32): void {
  const end = from + (<usize>n << 4), size = blockBytes, apart = <usize>size + bufferSpare, buffers = keyBuffers, used = keyUsed;
  for (let key = from; key < end; key += 16) {
    const partition = partitionOf(hashKeyAt(key, partitionSeed));
    const use = used + (<usize>partition << 2), at = load<u32>(use);
    v128.store(buffers + <usize>partition * apart + at, v128.load(key));
    if (at + 16 == size) { store<u32>(use, 0); spill(0, partition, buffers + <usize>partition * apart, size); }
    else store<u32>(use, at + 16);
  }
}
// @ts-ignore: decorator
@inline function partitionOf(hash: u32): u32 { return <u32>(<u64>hash >> (32 - partitionBits)); }

/**
 * Copies a text to its partition's buffer. One that is a UUID in another case goes where that UUID's key goes, so that
 * whoever compares without case finds both in one partition. Reads up to 31 bytes past the text.
 */
function scatterText(at: usize, bytes: u32): void {
  const isUuid = bytes == 36 && parseUuid(at, scratch, true);
  const partition = partitionOf(isUuid ? hashKeyAt(scratch, partitionSeed) : hashText(at, bytes, partitionSeed));
  const use = textUsed + (<usize>partition << 2), buffer = textBuffers + <usize>partition * (blockBytes + bufferSpare);
  let to = load<u32>(use);
  if (to + 1 + bytes > blockBytes) { spill(1, partition, buffer, to); to = 0; }
  const record = buffer + to;
  store<u8>(record, <u8>(bytes - 1));
  // In steps of 16: a buffer is followed by spare bytes, and what lies beyond a record is written after it.
  for (let i: u32 = 0; i < bytes; i += 16) v128.store(record + 1 + i, v128.load(at + i));
  store<u32>(use, to + 1 + bytes);
}

/** Whether 1 to 256 bytes are a key, which is then at `keys`. */
export function isKey(at: usize, bytes: u32): bool { return keysWanted && bytes == 36 && parseUuid(at, keys, false); }

/** One ID that the host found, 1 to 256 bytes. */
export function addId(at: usize, bytes: u32): void {
  if (isKey(at, bytes)) scatterKeys(keys, 1);
  else scatterText(at, bytes);
}

/** Hands every partition's remaining buffer to the host. */
export function flush(): void {
  const n: u32 = 1 << partitionBits;
  for (let p: u32 = 0; p < n; p++) {
    const k = keyUsed + (<usize>p << 2), t = textUsed + (<usize>p << 2);
    if (load<u32>(k) > 0) { spill(0, p, keyBuffers + <usize>p * (blockBytes + bufferSpare), load<u32>(k)); store<u32>(k, 0); }
    if (load<u32>(t) > 0) { spill(1, p, textBuffers + <usize>p * (blockBytes + bufferSpare), load<u32>(t)); store<u32>(t, 0); }
  }
}

// ---- A: one ID a line ----------------------------------------------------------------------------------------------

let idsRead: u32 = 0;
export function getIdsRead(): u32 { return idsRead; }

/**
 * Reads whole lines [from, end), each an ID; the last byte is a line end, 64 readable bytes follow. Notes bytes and
 * lengths that occur. Returns `end`, or where a line begins that is longer than an ID may be.
 */
export function parseIds(from: usize, end: usize): usize {
  let p = from, key = keys, hasKeys = false;
  const keysEnd = keys + (<usize>batchMax << 4);
  let seen: u32 = 0;
  idsRead = 0;
  makeSet(occursInA, occursSet());
  while (p < end) {
    if (keysWanted && p + 37 <= end && load<u8>(p, 36) == 10 && parseUuid(p, key, false)) {
      hasKeys = true;
      key += 16; p += 37; idsRead++; seen++;
      if (key == keysEnd) { scatterKeys(keys, batchMax); key = keys; }
      continue;
    }
    const q = nextLineEnd(p);
    const bytes = <u32>(q - p) - <u32>(q > p && load<u8>(q - 1) == 13);
    if (bytes > 256) break;
    if (bytes > 0) {
      idsRead++;
      if (keysWanted && bytes == 36 && parseUuid(p, key, false)) {
        hasKeys = true;
        key += 16;
        if (key == keysEnd) { scatterKeys(keys, batchMax); key = keys; }
      } else {
        if (!mayBeInA(p, bytes)) { noteShape(p, bytes); makeSet(occursInA, occursSet()); }
        scatterText(p, bytes);
      }
    }
    p = q + 1;
    seen++;
  }
  linesSeen = seen;
  scatterKeys(keys, <u32>((key - keys) >> 4));
  if (hasKeys) noteKeys();
  return p;
}

/** Bytes and length of a text of A, in either case. */
export function noteShape(at: usize, bytes: u32): void {
  store<u8>(lengths + bytes, 1);
  for (let i: u32 = 0; i < bytes; i++) {
    const byte = load<u8>(at + i), other = byte ^ 0x20, letter = <u32>(byte | 0x20) - 97 < 26;
    store<u8>(classes + byte, load<u8>(classes + byte) | <u8>occursInA);
    if (letter) store<u8>(classes + other, load<u8>(classes + other) | <u8>occursInA);
  }
}
/** That A has canonical UUIDs: who has one may have any. */
export function noteKeys(): void {
  noteBytes(48, 10); noteBytes(97, 6); noteBytes(65, 6); noteBytes(45, 1);
  store<u8>(lengths + 36, 1);
}
function noteBytes(first: u32, n: u32): void {
  for (let byte = first; byte < first + n; byte++) store<u8>(classes + byte, load<u8>(classes + byte) | <u8>occursInA);
}

// ---- B: log lines --------------------------------------------------------------------------------------------------

let linesSeen: u32 = 0, linesMatched: u32 = 0, linesLeft: u32 = 0;
export function getLines(): u32 { return linesSeen; }
export function getMatched(): u32 { return linesMatched; }
/** Lines left to the host: pairs (at, bytes without the line end) at `lines`. */
export function getLinesLeft(): u32 { return linesLeft; }

/**
 * Reads whole log lines [from, end); the last byte is a line end, 192 readable bytes follow, and one may be read before.
 *
 * Takes the ID itself where nothing is in doubt: one marker in the line, nothing that glues it to a longer name, no
 * barrier up to the field, then as many bytes as an ID may have, up to one that ends it and may follow it. Every other line with the
 * marker is left to the host, which knows the whole rule. Stops early when there is no room for more of those: returns
 * how far it came, at a line's beginning.
 */
export function scanLog(from: usize, end: usize): usize {
  const b1 = i8x16.splat(load<u8>(marker + rare1)), b2 = i8x16.splat(load<u8>(marker + rare2)), lf = i8x16.splat(10);
  const at1 = rare1, at2 = rare2, candidates = scratch + 32768;
  let key = keys, text = texts, line = lines;
  const keysEnd = keys + (<usize>batchMax << 4), textsEnd = texts + (<usize>batchMax << 3), linesEnd = lines + (<usize>batchMax << 3);
  const uuids = keysWanted && uuidMode != never, runs = uuidMode != always, behind = behindUuid;
  let seen: u32 = 0, matched: u32 = 0;
  if (runs) { makeSet(endsIdOrLine, endsSet()); makeSet(occursInA, occursSet()); }
  // Where the line begins that is being looked at, and up to where its markers are dealt with.
  let lineStart = from, done = from;
  // Of the line's ID, which the next marker takes back if it stands in the same line: 0 none, 1 a key, 2 a text, 3 nobody's.
  let taken: u32 = 0;
  let p = from;
  while (p < end) {
    // First where candidates stand in the next 4 KiB, without a branch that a processor would have to guess.
    //
    //   | bits of the candidates u64 | bits of the line ends u64 | p u32 | where its first line begins u32 | line ends before u32 | - |
    let candidate = candidates;
    for (const stop = min(p + 4096, end); p < stop; p += 64) {
      const q1 = p + at1, q2 = p + at2;
      const m = bits64(
        v128.and(i8x16.eq(v128.load(q1), b1), i8x16.eq(v128.load(q2), b2)),
        v128.and(i8x16.eq(v128.load(q1, 16), b1), i8x16.eq(v128.load(q2, 16), b2)),
        v128.and(i8x16.eq(v128.load(q1, 32), b1), i8x16.eq(v128.load(q2, 32), b2)),
        v128.and(i8x16.eq(v128.load(q1, 48), b1), i8x16.eq(v128.load(q2, 48), b2)));
      let ends = bits64(i8x16.eq(v128.load(p), lf), i8x16.eq(v128.load(p, 16), lf), i8x16.eq(v128.load(p, 32), lf), i8x16.eq(v128.load(p, 48), lf));
      if (p + 64 > end) ends &= (<u64>1 << (end - p)) - 1;
      store<u64>(candidate, m); store<u64>(candidate, ends, 8);
      store<u32>(candidate, <u32>p, 16); store<u32>(candidate, <u32>lineStart, 20); store<u32>(candidate, seen, 24);
      candidate += select<usize>(32, 0, m != 0);
      seen += <u32>popcnt(ends);
      lineStart = select<usize>(p + 64 - <usize>clz(ends), lineStart, ends != 0);
    }
    for (let c = candidates; c < candidate; c += 32) {
      const block = <usize>load<u32>(c, 16), ends = load<u64>(c, 8);
      for (let m = load<u64>(c); m != 0; m &= m - 1) {
        const at = block + <usize>ctz(m);
        if (at < done || at + markerBytes > end || !isMarker(at)) continue;
        const before = ends & ((<u64>1 << (at - block)) - 1);
        const start = select<usize>(block + 64 - <usize>clz(before), <usize>load<u32>(c, 20), before != 0);
        let id: usize = 0;
        if (start >= done || taken == 0) {
          taken = 0;
          if (at == start || (load<u8>(classes + load<u8>(at - 1)) & besideMarker) != 0) id = idBehind(at + markerBytes);
          if (id != 0) {
            if (uuids && parseUuid(id, key, false) && mayFollow(id + 36, behind)) {
              taken = 1;
              key += 16;
              done = id + 36;
            } else if (runs) {
              let q = nextInSet(id, endsSet());
              const cr = load<u8>(q) == 10 && q > id && load<u8>(q - 1) == 13;
              if (cr) q--;
              const bytes = <u32>(q - id);
              if (bytes >= idBytesMin && bytes <= idBytesMax && mayFollow(q, followsId)) {
                taken = 3;
                done = q;
                if (mayBeInA(id, bytes)) { store<u32>(text, <u32>id); store<u32>(text, bytes, 4); text += 8; taken = 2; }
              }
            }
          }
        } else if (taken == 1) { key -= 16; matched--; taken = 0; }
        else { text -= <usize>(taken == 2) << 3; matched--; taken = 0; }
        if (taken != 0) {
          matched++;
          // One place stays free: what was taken last can be taken back.
          if (key == keysEnd) { scatterKeys(keys, batchMax - 1); v128.store(keys, v128.load(key - 16)); key = keys + 16; }
          if (text == textsEnd) { scatterTexts(batchMax - 1); v128.store(texts, v128.load(text - 8)); text = texts + 8; }
          continue;
        }
        const lineEnd = nextLineEnd(at);
        if (line == linesEnd) {
          // The host takes these first.
          linesSeen = load<u32>(c, 24) + <u32>popcnt(before);
          finish(key, text, line, matched);
          return start;
        }
        store<u32>(line, <u32>start); store<u32>(line, <u32>(lineEnd - start) - <u32>(lineEnd > start && load<u8>(lineEnd - 1) == 13), 4);
        line += 8;
        done = lineEnd;
      }
    }
  }
  linesSeen = seen;
  finish(key, text, line, matched);
  return end;
}
function finish(key: usize, text: usize, line: usize, matched: u32): void {
  scatterKeys(keys, <u32>((key - keys) >> 4));
  scatterTexts(<u32>((text - texts) >> 3));
  linesMatched = matched;
  linesLeft = <u32>((line - lines) >> 3);
}
// @ts-ignore: decorator
@inline function bits64(a: v128, b: v128, c: v128, d: v128): u64 {
  return <u64><u32>i8x16.bitmask(a) | (<u64><u32>i8x16.bitmask(b) << 16) | (<u64><u32>i8x16.bitmask(c) << 32) | (<u64><u32>i8x16.bitmask(d) << 48);
}

function scatterTexts(n: u32): void {
  for (let t = texts, end = texts + (<usize>n << 3); t < end; t += 8) scatterText(<usize>load<u32>(t), load<u32>(t, 4));
}
// @ts-ignore: decorator
@inline function isMarker(at: usize): bool { return sameBytes(at, marker, markerBytes); }
/** Where the ID begins that belongs to a marker which ends at `from`; 0 where that is in doubt. */
// @ts-ignore: decorator
@inline function idBehind(from: usize): usize {
  if (field == 0) return from;
  let byte = <u32>load<u8>(from);
  if ((load<u8>(classes + byte) & besideMarker) == 0) return 0;
  for (let p = from; byte != 10 && byte != barrier; byte = <u32>load<u8>(++p)) {
    if (load<u32>(p, 1) != field || (load<u8>(classes + byte) & endsIdOrLine) == 0) continue;
    const id = p + 5, first = <u32>load<u8>(id);
    return id + <usize>(first == 34 || first == 39);
  }
  return 0;
}
/** Whether what stands at `at` may follow an ID: its byte has these bits. A CR at the line's end is part of that end. */
// @ts-ignore: decorator
@inline function mayFollow(at: usize, bits: u32): bool {
  const byte = <u32>load<u8>(at);
  return (load<u8>(classes + byte) & bits) == bits || (byte == 13 && load<u8>(at + 1) == 10 && (load<u8>(classes + 10) & bits) == bits);
}
// @ts-ignore: decorator
@inline function nextLineEnd(from: usize): usize {
  for (let p = from; ; p += 16) {
    const m = <u32>i8x16.bitmask(i8x16.eq(v128.load(p), i8x16.splat(10)));
    if (m != 0) return p + <usize>ctz(m);
  }
  return 0;
}
// @ts-ignore: decorator
@inline function sameBytes(a: usize, b: usize, bytes: u32): bool {
  if (bytes >= 16) {
    for (let i: u32 = 0; i + 16 <= bytes; i += 16) if (!same16(a + i, b + i)) return false;
    return same16(a + bytes - 16, b + bytes - 16);
  }
  if (bytes >= 8) return load<u64>(a) == load<u64>(b) && load<u64>(a + bytes - 8) == load<u64>(b + bytes - 8);
  for (let i: u32 = 0; i < bytes; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
  return true;
}
// @ts-ignore: decorator
@inline function same16(a: usize, b: usize): bool { return i8x16.all_true(i8x16.eq(v128.load(a), v128.load(b))); }
/** Whether A has an ID of this length and of these bytes, in either case: if not, the text is nobody's. Reads up to 15 bytes past it. */
function mayBeInA(at: usize, bytes: u32): bool {
  if (load<u8>(lengths + bytes) == 0) return false;
  const set = occursSet();
  let i: u32 = 0;
  for (; i + 16 <= bytes; i += 16) if (inSet(at + i, set) != 0xffff) return false;
  return (~inSet(at + i, set) & ((<u32>1 << (bytes - i)) - 1)) == 0;
}

// ---- sets of bytes -------------------------------------------------------------------------------------------------
//
// 32 bytes, so that 16 bytes are looked up at once: byte h * 16 + l is in the set if bit h & 7 is set in the l-th byte of
// the first half (h < 8) or of the second.

// @ts-ignore: decorator
@inline function endsSet(): usize { return scratch + 49152; }
// @ts-ignore: decorator
@inline function occursSet(): usize { return scratch + 49152 + 32; }
const bitOfHigh: v128 = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);

/** Writes the set of the bytes whose class has this bit. */
function makeSet(bit: u32, set: usize): void {
  v128.store(set, i64x2.splat(0)); v128.store(set, i64x2.splat(0), 16);
  for (let byte: u32 = 0; byte < 256; byte++) {
    const at = set + (<usize>(byte >> 7) << 4) + (byte & 15);
    if ((<u32>load<u8>(classes + byte) & bit) != 0) store<u8>(at, load<u8>(at) | <u8>(<u32>1 << ((byte >> 4) & 7)));
  }
}
/** Bit i: the byte at `at` + i is in the set. */
// @ts-ignore: decorator
@inline function inSet(at: usize, set: usize): u32 {
  const v = v128.load(at), low = v128.and(v, i8x16.splat(15)), bit = i8x16.swizzle(bitOfHigh, i8x16.shr_u(v, 4));
  const row = v128.bitselect(i8x16.swizzle(v128.load(set, 16), low), i8x16.swizzle(v128.load(set), low), i8x16.shr_s(v, 7));
  return <u32>i8x16.bitmask(i8x16.eq(v128.and(row, bit), bit));
}
/** Where the next byte stands that is in the set, which must be ahead. */
// @ts-ignore: decorator
@inline function nextInSet(from: usize, set: usize): usize {
  for (let p = from; ; p += 16) {
    const m = inSet(p, set);
    if (m != 0) return p + <usize>ctz(m);
  }
  return 0;
}

// ---- B: how far a log reaches --------------------------------------------------------------------------------------

/**
 * Of whole lines [from, end) (64 readable bytes follow) those that may begin with a later time than the 23 bytes at
 * `time`, such as 2026-11-23T01:02:03.456: the host, which knows what a time is, judges them. Texts of equal form order
 * as their times do, so that of a log in order no line but the last is one. Pairs (at, bytes without the line end) at
 * `lines`, getLinesLeft() of them. Stops early when there is no room for more: returns how far it came.
 */
export function linesAfter(from: usize, end: usize, time: usize): usize {
  const lf = i8x16.splat(10);
  let line = lines, start = from;
  const linesEnd = lines + (<usize>batchMax << 3);
  for (let p = from; p < end; p += 64) {
    let ends = bits64(i8x16.eq(v128.load(p), lf), i8x16.eq(v128.load(p, 16), lf), i8x16.eq(v128.load(p, 32), lf), i8x16.eq(v128.load(p, 48), lf));
    if (p + 64 > end) ends &= (<u64>1 << (end - p)) - 1;
    for (; ends != 0; ends &= ends - 1) {
      const lineEnd = p + <usize>ctz(ends);
      if (lineEnd - start >= 20 && load<u8>(start, 4) == 45 && load<u8>(start, 10) == 84 && mayBeLater(start, time)) {
        if (line == linesEnd) { linesLeft = batchMax; return start; }
        store<u32>(line, <u32>start); store<u32>(line, <u32>(lineEnd - start) - <u32>(load<u8>(lineEnd - 1) == 13), 4);
        line += 8;
      }
      start = lineEnd + 1;
    }
  }
  linesLeft = <u32>((line - lines) >> 3);
  return end;
}
/** A fraction of fewer than three digits counts as later, and so does a leap second: it is the first of the next minute. */
// @ts-ignore: decorator
@inline function mayBeLater(at: usize, time: usize): bool {
  const day = bswap(load<u64>(at)), sameDay = bswap(load<u64>(time));
  if (day != sameDay) return day > sameDay || load<u8>(at, 17) == 54;
  const minute = bswap(load<u64>(at, 8)), sameMinute = bswap(load<u64>(time, 8));
  if (minute != sameMinute) return minute > sameMinute || load<u8>(at, 17) == 54;
  const second = bswap(load<u32>(at, 15)), sameSecond = bswap(load<u32>(time, 15));
  if (second != sameSecond) return second > sameSecond;
  return load<u8>(at, 19) == 46 && (bswap(load<u32>(at, 19)) > bswap(load<u32>(time, 19)));
}

// ---- one partition: a table of keys --------------------------------------------------------------------------------
//
// buckets of 64 bytes = 4 keys, each half beside the others', so that two comparisons of half a bucket do for all four;
// filled from the left; an overfull one goes on in the next, the last in the first.
//
//   | low 0 | low 1 | low 2 | low 3 | high 0 | high 1 | high 2 | high 3 |        0: empty
//
// marks: a byte a bucket, bit i for its i-th key found in the logs, bit i + 4 for found in another case

let keyTable: usize = 0, keyBuckets: u32 = 0, keyMarks: usize = 0, keysFound: u32 = 0;

/** An empty table; `buckets` > keys / 4. The host has cleared both. */
export function setKeyTable(table: usize, buckets: u32, marks: usize): void {
  keyTable = table; keyBuckets = buckets; keyMarks = marks; keysFound = 0;
}
/** Probes that found their key. */
export function getKeysFound(): u32 { return keysFound; }

/** Bit i: the bucket's i-th key is this one. */
// @ts-ignore: decorator
@inline function equalIn(bucket: usize, low: v128, high: v128): u32 {
  return <u32>i64x2.bitmask(v128.and(i64x2.eq(low, v128.load(bucket)), i64x2.eq(high, v128.load(bucket, 32))))
    | (<u32>i64x2.bitmask(v128.and(i64x2.eq(low, v128.load(bucket, 16)), i64x2.eq(high, v128.load(bucket, 48)))) << 2);
}
/** Bit i: the bucket's i-th place is empty. */
// @ts-ignore: decorator
@inline function emptyIn(bucket: usize): u32 {
  const none = i64x2.splat(0);
  return <u32>i64x2.bitmask(i64x2.eq(none, v128.or(v128.load(bucket), v128.load(bucket, 32))))
    | (<u32>i64x2.bitmask(i64x2.eq(none, v128.or(v128.load(bucket, 16), v128.load(bucket, 48)))) << 2);
}
// @ts-ignore: decorator
@inline function isFull(bucket: usize): bool { return (load<u64>(bucket, 24) | load<u64>(bucket, 56)) != 0; }
// @ts-ignore: decorator
@inline function bucketOf(key: usize): u32 { return placeOf(hashKeyAt(key, tableSeed), keyBuckets); }
// @ts-ignore: decorator
@inline function after(bucket: u32): u32 { return bucket + 1 == keyBuckets ? 0 : bucket + 1; }

/** Independent loads only, so that the processor has as many cache misses under way as it can (there is no prefetch). */
function touch(slots: usize, n: u32): u32 {
  let sum: u32 = 0;
  for (let q = slots, end = slots + (<usize>n << 2); q < end; q += 4) sum += load<u32>(keyTable + (<usize>load<u32>(q) << 6));
  return sum;
}

const batch: u32 = 512;

/** Inserts n keys at `from`; returns how many were new. Those whose bucket is full go on together, round by round. */
export function insertKeys(from: usize, n: u32): u32 {
  const slots = scratch, pending = scratch + 8192, spare = scratch + 16384;
  let added: u32 = 0;
  for (let b: u32 = 0; b < n; b += batch) {
    const base = from + (<usize>b << 4);
    let left = min(batch, n - b);
    for (let i: u32 = 0; i < left; i++) { store<u32>(slots + (<usize>i << 2), bucketOf(base + (<usize>i << 4))); store<u32>(pending + (<usize>i << 2), i); }
    while (left > 0) {
      store<u32>(spare, touch(slots, left), 64);
      let again: u32 = 0;
      for (let i: u32 = 0; i < left; i++) {
        const slot = load<u32>(slots + (<usize>i << 2)), index = load<u32>(pending + (<usize>i << 2));
        const key = base + (<usize>index << 4), bucket = keyTable + (<usize>slot << 6);
        const low = load<u64>(key), high = load<u64>(key, 8);
        const equal = equalIn(bucket, i64x2.splat(low), i64x2.splat(high)), empty = emptyIn(bucket);
        const put = (equal == 0) & (empty != 0), place = put ? bucket + (<usize>ctz(empty | 16) << 3) : spare;
        store<u64>(place, low);
        store<u64>(place, high, 32);
        added += <u32>put;
        store<u32>(slots + (<usize>again << 2), after(slot)); store<u32>(pending + (<usize>again << 2), index);
        again += <u32>((equal | empty) == 0);
      }
      left = again;
    }
  }
  return added;
}

/** Marks the keys of the table that are among the n at `from`. */
export function probeKeys(from: usize, n: u32): void {
  const slots = scratch, pending = scratch + 8192, spare = scratch + 16384;
  const inTexts = uuidTexts > 0;
  for (let b: u32 = 0; b < n; b += batch) {
    const base = from + (<usize>b << 4);
    let left = min(batch, n - b);
    for (let i: u32 = 0; i < left; i++) { store<u32>(slots + (<usize>i << 2), bucketOf(base + (<usize>i << 4))); store<u32>(pending + (<usize>i << 2), i); }
    while (left > 0) {
      store<u32>(spare, touch(slots, left), 64);
      let again: u32 = 0;
      for (let i: u32 = 0; i < left; i++) {
        const slot = load<u32>(slots + (<usize>i << 2)), index = load<u32>(pending + (<usize>i << 2));
        const key = base + (<usize>index << 4), bucket = keyTable + (<usize>slot << 6);
        const equal = equalIn(bucket, v128.load64_splat(key), v128.load64_splat(key, 8)), mark = keyMarks + slot;
        store<u8>(mark, load<u8>(mark) | equal);
        keysFound += <u32>(equal != 0);
        store<u32>(slots + (<usize>again << 2), after(slot)); store<u32>(pending + (<usize>again << 2), index);
        again += <u32>(equal == 0) & <u32>isFull(bucket);
        if (inTexts && equal == 0) { formatUuid(key, spare); findText(spare, 36, hashText(spare, 36, tableSeed), false); }
      }
      left = again;
    }
  }
}

/** Marks a key as found in another case, if it is in the table. */
function markOtherCase(key: usize): void {
  const low = v128.load64_splat(key), high = v128.load64_splat(key, 8);
  for (let slot = bucketOf(key); ; slot = after(slot)) {
    const bucket = keyTable + (<usize>slot << 6), equal = equalIn(bucket, low, high), mark = keyMarks + slot;
    if (equal != 0) { store<u8>(mark, load<u8>(mark) | (equal << 4)); return; }
    if (!isFull(bucket)) return;
  }
}

// ---- one partition: a table of texts -------------------------------------------------------------------------------
//
// slots of 8 bytes: | hash u32 | where the record lies in the arena + 1, or 0 if empty u32 |; linear probing.
// marks: a byte a slot, bit 0 found in the logs, bit 1 found in another case.

let textTable: usize = 0, textSlots: u32 = 0, textMarks: usize = 0, arena: usize = 0, textsFound: u32 = 0, uuidTexts: u32 = 0;
let foldCase: bool = false;

/** An empty table; `slots` > texts. The host has cleared both. `fold`: texts that differ only by case are one. */
export function setTextTable(table: usize, slots: u32, marks: usize, arena_: usize, fold: bool): void {
  textTable = table; textSlots = slots; textMarks = marks; arena = arena_; foldCase = fold; textsFound = 0; uuidTexts = 0;
}
export function getTextsFound(): u32 { return textsFound; }

/** How many records lie in [from, end). */
export function countTexts(from: usize, end: usize): u32 {
  let n: u32 = 0;
  for (let record = from; record < end; record += 2 + <usize>load<u8>(record)) n++;
  return n;
}

/** Inserts the records of the arena's [from, end); returns how many were new. */
export function insertTexts(from: usize, end: usize): u32 {
  let added: u32 = 0;
  for (let record = from; record < end; record += 2 + <usize>load<u8>(record)) {
    const bytes = <u32>load<u8>(record) + 1, hash = hashText(record + 1, bytes, tableSeed);
    for (let slot = placeOf(hash, textSlots); ; slot = slot + 1 == textSlots ? 0 : slot + 1) {
      const entry = textTable + (<usize>slot << 3), place = load<u32>(entry, 4);
      if (place == 0) {
        store<u32>(entry, hash); store<u32>(entry, <u32>(record - arena) + 1, 4);
        added++;
        uuidTexts += <u32>(bytes == 36 && parseUuid(record + 1, scratch, true));
        break;
      }
      if (load<u32>(entry) != hash) continue;
      const other = arena + place - 1;
      if (<u32>load<u8>(other) + 1 != bytes) continue;
      if (sameBytes(other + 1, record + 1, bytes)) break;
      if (foldCase && sameFolded(other + 1, record + 1, bytes)) {
        // Of several spellings the first in byte order is kept, whatever order they come in.
        if (memory.compare(record + 1, other + 1, bytes) < 0) store<u32>(entry, <u32>(record - arena) + 1, 4);
        break;
      }
    }
  }
  return added;
}

const textBatch: u32 = 64;

/** Marks the texts of the table that are among the records of [from, end). */
export function probeTexts(from: usize, end: usize): void {
  const records = scratch, hashes = scratch + 256, spare = scratch + 512;
  for (let record = from; record < end;) {
    // Loads of a batch first, none of which waits for another; then the comparisons, whose lines are on their way.
    let n: u32 = 0, sum: u32 = 0;
    for (; record < end && n < textBatch; n++) {
      const bytes = <u32>load<u8>(record) + 1, hash = hashText(record + 1, bytes, tableSeed);
      store<u32>(records + (<usize>n << 2), <u32>record);
      store<u32>(hashes + (<usize>n << 2), hash);
      sum += load<u32>(textTable + (<usize>placeOf(hash, textSlots) << 3));
      record += 1 + bytes;
    }
    for (let i: u32 = 0; i < n; i++) {
      sum += load<u8>(arena + load<u32>(textTable + (<usize>placeOf(load<u32>(hashes + (<usize>i << 2)), textSlots) << 3), 4));
    }
    store<u32>(spare, sum);
    for (let i: u32 = 0; i < n; i++) {
      const r = <usize>load<u32>(records + (<usize>i << 2)), bytes = <u32>load<u8>(r) + 1;
      const found = findText(r + 1, bytes, load<u32>(hashes + (<usize>i << 2)), true);
      if (!found && bytes == 36 && parseUuid(r + 1, spare, true)) markOtherCase(spare);
    }
  }
}

/** Marks the text if the table has it, or else all that differ from it only by case. True if the table has it. */
function findText(at: usize, bytes: u32, hash: u32, exact: bool): bool {
  let alike: u32 = 0;
  for (let slot = placeOf(hash, textSlots); ; slot = slot + 1 == textSlots ? 0 : slot + 1) {
    const entry = textTable + (<usize>slot << 3), place = load<u32>(entry, 4);
    if (place == 0) break;
    if (load<u32>(entry) != hash) continue;
    const record = arena + place - 1;
    if (<u32>load<u8>(record) + 1 != bytes) continue;
    if (exact && (sameBytes(record + 1, at, bytes) || (foldCase && sameFolded(record + 1, at, bytes)))) {
      const mark = textMarks + slot;
      store<u8>(mark, load<u8>(mark) | 1);
      textsFound++;
      return true;
    }
    alike += <u32>sameFolded(record + 1, at, bytes);
  }
  // Rare, so the way is gone a second time rather than remembered.
  for (let slot = placeOf(hash, textSlots); alike > 0; slot = slot + 1 == textSlots ? 0 : slot + 1) {
    const record = arena + load<u32>(textTable + (<usize>slot << 3), 4) - 1, mark = textMarks + slot;
    if (load<u32>(textTable + (<usize>slot << 3)) != hash || <u32>load<u8>(record) + 1 != bytes || !sameFolded(record + 1, at, bytes)) continue;
    store<u8>(mark, load<u8>(mark) | 2);
    alike--;
  }
  return false;
}
function sameFolded(a: usize, b: usize, bytes: u32): bool {
  for (let i: u32 = 0; i < bytes; i++) if (folded(load<u8>(a + i)) != folded(load<u8>(b + i))) return false;
  return true;
}
// @ts-ignore: decorator
@inline function folded(byte: u32): u32 { return byte - 65 < 26 ? byte + 32 : byte; }

// ---- one partition: which of A's IDs were found --------------------------------------------------------------------
//
// Bit `first` + i at `bits`, lowest bit first, is set if the i-th ID is in its table and marked. The host has cleared them.

/** Of n keys at `from`. */
export function foundKeys(from: usize, n: u32, bits: usize, first: u32): void {
  const slots = scratch;
  for (let b: u32 = 0; b < n; b += batch) {
    const base = from + (<usize>b << 4), count = min(batch, n - b);
    for (let i: u32 = 0; i < count; i++) store<u32>(slots + (<usize>i << 2), bucketOf(base + (<usize>i << 4)));
    store<u32>(scratch + 16384, touch(slots, count), 64);
    for (let i: u32 = 0; i < count; i++) {
      const key = base + (<usize>i << 4), low = v128.load64_splat(key), high = v128.load64_splat(key, 8);
      for (let slot = load<u32>(slots + (<usize>i << 2)); ; slot = after(slot)) {
        const bucket = keyTable + (<usize>slot << 6), equal = equalIn(bucket, low, high);
        if ((equal & load<u8>(keyMarks + slot)) != 0) setBit(bits, first + b + i);
        if (equal != 0 || !isFull(bucket)) break;
      }
    }
  }
}
/** Of the records of [from, end). */
export function foundTexts(from: usize, end: usize, bits: usize, first: u32): void {
  let bit = first;
  for (let record = from; record < end; record += 2 + <usize>load<u8>(record), bit++) {
    const bytes = <u32>load<u8>(record) + 1, hash = hashText(record + 1, bytes, tableSeed);
    for (let slot = placeOf(hash, textSlots); ; slot = slot + 1 == textSlots ? 0 : slot + 1) {
      const entry = textTable + (<usize>slot << 3), place = load<u32>(entry, 4);
      if (place == 0) break;
      const other = arena + place - 1;
      if (load<u32>(entry) != hash || <u32>load<u8>(other) + 1 != bytes) continue;
      if (!sameBytes(other + 1, record + 1, bytes) && !(foldCase && sameFolded(other + 1, record + 1, bytes))) continue;
      if ((load<u8>(textMarks + slot) & 1) != 0) setBit(bits, bit);
      break;
    }
  }
}
// @ts-ignore: decorator
@inline function setBit(bits: usize, bit: u32): void { const at = bits + (bit >> 3); store<u8>(at, load<u8>(at) | <u8>(<u32>1 << (bit & 7))); }

// ---- one partition: what is missing --------------------------------------------------------------------------------

let otherCase: u32 = 0;
/** Of those collected last: how many the logs have in another case. */
export function getOtherCase(): u32 { return otherCase; }

/** Copies the unmarked keys to `out` (which has room for all) and returns how many. */
export function missingKeys(out: usize): u32 {
  let to = out;
  otherCase = 0;
  for (let slot: u32 = 0; slot < keyBuckets; slot++) {
    const bucket = keyTable + (<usize>slot << 6), mark = <u32>load<u8>(keyMarks + slot);
    for (let m = (emptyIn(bucket) | mark & 15) ^ 15; m != 0; m &= m - 1) {
      const i = ctz(m);
      store<u64>(to, load<u64>(bucket + (<usize>i << 3)));
      store<u64>(to, load<u64>(bucket + (<usize>i << 3), 32), 8);
      to += 16;
      otherCase += (mark >> (i + 4)) & 1;
    }
  }
  return <u32>((to - out) >> 4);
}

/** Writes where the unmarked texts' records lie (u32 each) to `out` and returns how many. */
export function missingTexts(out: usize): u32 {
  let to = out;
  otherCase = 0;
  for (let slot: u32 = 0; slot < textSlots; slot++) {
    const place = load<u32>(textTable + (<usize>slot << 3), 4), mark = load<u8>(textMarks + slot);
    if (place == 0 || (mark & 1) != 0) continue;
    store<u32>(to, <u32>arena + place - 1);
    to += 4;
    otherCase += <u32>mark >> 1;
  }
  return <u32>((to - out) >> 2);
}

/** Sorts n keys in byte order, which is that of their texts: quicksort, with insertion for short stretches. */
export function sortKeys(from: usize, n: u32): void {
  let low = from, high = from + (<usize>n << 4);
  while (high - low > 16 * 24) {
    // Median of three as the pivot; the shorter side by recursion, so that the stack stays short.
    const middle = low + (((high - low) >> 5) << 4);
    if (less(middle, low)) swap(middle, low);
    if (less(high - 16, low)) swap(high - 16, low);
    if (less(high - 16, middle)) swap(high - 16, middle);
    v128.store(scratch, v128.load(middle));
    let i = low, j = high - 16;
    while (true) {
      while (less(i, scratch)) i += 16;
      while (less(scratch, j)) j -= 16;
      if (i >= j) break;
      swap(i, j);
      i += 16; j -= 16;
    }
    if (i - low < high - i) { sortKeys(low, <u32>((i - low) >> 4)); low = i; }
    else { sortKeys(i, <u32>((high - i) >> 4)); high = i; }
  }
  for (let i = low + 16; i < high; i += 16) for (let j = i; j > low && less(j, j - 16); j -= 16) swap(j, j - 16);
}
// @ts-ignore: decorator
@inline function less(a: usize, b: usize): bool {
  const x = bswap(load<u64>(a)), y = bswap(load<u64>(b));
  return x < y || (x == y && bswap(load<u64>(a, 8)) < bswap(load<u64>(b, 8)));
}
// @ts-ignore: decorator
@inline function swap(a: usize, b: usize): void { const x = v128.load(a); v128.store(a, v128.load(b)); v128.store(b, x); }

/** Writes n keys as text, one a line, to `out`: 37 bytes each, and 3 more at the end. Returns the end. */
export function formatKeys(from: usize, n: u32, out: usize): usize {
  let to = out;
  for (let key = from, end = from + (<usize>n << 4); key < end; key += 16) { formatUuid(key, to); store<u8>(to, 10, 36); to += 37; }
  return to;
}
