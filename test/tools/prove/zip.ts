import { crc32 } from 'node:zlib';

/** A ZIP archive of the files, stored without compression: what `AWS::Lambda::Function` takes as code. */
export function zip(files: Readonly<Record<string, Uint8Array>>): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, contents] of Object.entries(files)) {
    const path = Buffer.from(name);
    const sizes = Buffer.alloc(26);
    sizes.writeUInt16LE(20, 0); // version needed
    sizes.writeUInt16LE(0x21, 8); // 1 January 1980
    sizes.writeUInt32LE(crc32(contents), 10);
    sizes.writeUInt32LE(contents.length, 14);
    sizes.writeUInt32LE(contents.length, 18);
    sizes.writeUInt16LE(path.length, 22);
    locals.push(Buffer.from('PK\x03\x04'), sizes, path, Buffer.from(contents));

    const place = Buffer.alloc(14);
    place.writeUInt32LE((0o100644 << 16) >>> 0, 6);
    place.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x03'), sizes, place, path);
    offset += 4 + sizes.length + path.length + contents.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(Object.keys(files).length, 4);
  end.writeUInt16LE(Object.keys(files).length, 6);
  end.writeUInt32LE(entries.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, entries, Buffer.from('PK\x05\x06'), end]);
}
