/**
 * XDR (RFC 4506), the encoding of libvirt's RPC: each type is a codec, and codecs compose into the type of what they
 * read and write. Written here because the XDR library on npm (js-xdr) has no types to infer from and
 * a schema registry of its own, which would leave every message described twice.
 *
 * Everything read comes from another process: lengths are checked before anything is allocated, and what does not fit
 * throws an XdrError.
 */

/** Bytes that are no such value, or a value that is too long to be sent. */
export class XdrError extends Error {
  override readonly name = 'XdrError';
}

export interface XdrType<T> {
  write(out: XdrWriter, value: T): void;
  read(input: XdrReader): T;
}

export type XdrValue<C> = C extends XdrType<infer T> ? T : never;

export class XdrWriter {
  #buffer = Buffer.alloc(256);
  #length = 0;

  /** Makes room for `size` bytes and returns where they begin. */
  reserve(size: number): { buffer: Buffer; offset: number } {
    const offset = this.#length;
    this.#length += size;
    if (this.#length > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(this.#length, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, offset);
      this.#buffer = grown;
    }
    return { buffer: this.#buffer, offset };
  }

  /** Writes the bytes and the zeros that fill them up to a multiple of four. */
  bytes(bytes: Uint8Array): void {
    const { buffer, offset } = this.reserve(padded(bytes.length));
    buffer.set(bytes, offset);
  }

  done(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

export class XdrReader {
  readonly #buffer: Buffer;
  #offset = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get remaining(): number {
    return this.#buffer.length - this.#offset;
  }

  /** Takes `size` bytes and returns where they begin. */
  take(size: number): { buffer: Buffer; offset: number } {
    if (size > this.remaining) throw new XdrError(`${size} bytes wanted, ${this.remaining} left`);
    const offset = this.#offset;
    this.#offset += size;
    return { buffer: this.#buffer, offset };
  }

  /** Not a copy: a view into the packet. */
  bytes(size: number): Buffer {
    const { buffer, offset } = this.take(padded(size));
    return buffer.subarray(offset, offset + size);
  }
}

function padded(size: number): number {
  return Math.ceil(size / 4) * 4;
}

export const nothing: XdrType<void> = { write() {}, read() {} };

export const int: XdrType<number> = {
  write(out, value) {
    const { buffer, offset } = out.reserve(4);
    buffer.writeInt32BE(value, offset);
  },
  read(input) {
    const { buffer, offset } = input.take(4);
    return buffer.readInt32BE(offset);
  },
};

export const uint: XdrType<number> = {
  write(out, value) {
    const { buffer, offset } = out.reserve(4);
    buffer.writeUInt32BE(value, offset);
  },
  read(input) {
    const { buffer, offset } = input.take(4);
    return buffer.readUInt32BE(offset);
  },
};

export const uhyper: XdrType<bigint> = {
  write(out, value) {
    const { buffer, offset } = out.reserve(8);
    buffer.writeBigUInt64BE(value, offset);
  },
  read(input) {
    const { buffer, offset } = input.take(8);
    return buffer.readBigUInt64BE(offset);
  },
};

export const bool: XdrType<boolean> = {
  write(out, value) {
    uint.write(out, value ? 1 : 0);
  },
  read(input) {
    const value = uint.read(input);
    if (value > 1) throw new XdrError(`${value} is no boolean`);
    return value === 1;
  },
};

/** UTF-8, at most `max` bytes. */
export function string(max: number): XdrType<string> {
  const encoded = opaque(max);
  return {
    write(out, value) {
      encoded.write(out, Buffer.from(value, 'utf8'));
    },
    read(input) {
      return Buffer.from(encoded.read(input)).toString('utf8');
    },
  };
}

/** Bytes preceded by their number, at most `max`. */
export function opaque(max: number): XdrType<Uint8Array> {
  return {
    write(out, value) {
      if (value.length > max) throw new XdrError(`${value.length} bytes where at most ${max} are allowed`);
      uint.write(out, value.length);
      out.bytes(value);
    },
    read(input) {
      const length = uint.read(input);
      if (length > max) throw new XdrError(`${length} bytes where at most ${max} are allowed`);
      return input.bytes(length);
    },
  };
}

/** Exactly `size` bytes, without their number. */
export function fixedOpaque(size: number): XdrType<Uint8Array> {
  return {
    write(out, value) {
      if (value.length !== size) throw new XdrError(`${value.length} bytes where ${size} are due`);
      out.bytes(value);
    },
    read: (input) => input.bytes(size),
  };
}

export function optional<T>(type: XdrType<T>): XdrType<T | undefined> {
  return {
    write(out, value) {
      bool.write(out, value !== undefined);
      if (value !== undefined) type.write(out, value);
    },
    read: (input) => (bool.read(input) ? type.read(input) : undefined),
  };
}

/** Items preceded by their number, at most `max`. */
export function array<T>(type: XdrType<T>, max: number): XdrType<T[]> {
  return {
    write(out, value) {
      if (value.length > max) throw new XdrError(`${value.length} items where at most ${max} are allowed`);
      uint.write(out, value.length);
      for (const item of value) type.write(out, item);
    },
    read(input) {
      const length = uint.read(input);
      if (length > max) throw new XdrError(`${length} items where at most ${max} are allowed`);
      const items: T[] = [];
      for (let index = 0; index < length; index += 1) items.push(type.read(input));
      return items;
    },
  };
}

/** Exactly `size` items, without their number. */
export function fixedArray<T>(type: XdrType<T>, size: number): XdrType<T[]> {
  return {
    write(out, value) {
      if (value.length !== size) throw new XdrError(`${value.length} items where ${size} are due`);
      for (const item of value) type.write(out, item);
    },
    read: (input) => Array.from({ length: size }, () => type.read(input)),
  };
}

/** The fields in the order in which they are written down. */
export function struct<T extends object>(fields: { [K in keyof T]: XdrType<T[K]> }): XdrType<T> {
  const names = Object.keys(fields) as (keyof T)[];
  return {
    write(out, value) {
      for (const name of names) fields[name].write(out, value[name]);
    },
    read(input) {
      const value: Partial<T> = {};
      for (const name of names) value[name] = fields[name].read(input);
      return value as T;
    },
  };
}

/** Another type of value on the same bytes. */
export function mapped<T, U>(
  type: XdrType<T>,
  convert: { encode: (value: U) => T; decode: (value: T) => U },
): XdrType<U> {
  return {
    write: (out, value) => type.write(out, convert.encode(value)),
    read: (input) => convert.decode(type.read(input)),
  };
}

export function encode<T>(type: XdrType<T>, value: T): Buffer {
  const out = new XdrWriter();
  type.write(out, value);
  return out.done();
}

/** Bytes left over are let be: a newer daemon may say more than we know. */
export function decode<T>(type: XdrType<T>, bytes: Buffer): T {
  return type.read(new XdrReader(bytes));
}
