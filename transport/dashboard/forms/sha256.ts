/**
 * The SHA-256 of what comes in pieces (FIPS 180-4). The browser's own takes only what is there as a whole, which an image
 * need not be, and is not to be had by pages that came without encryption.
 */

const initial = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
] as const;
const blockBytes = 64;

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const constants = Uint32Array.from(primes(64), (prime) => Math.floor((Math.cbrt(prime) % 1) * 2 ** 32));

export class Sha256 {
  readonly #state = Uint32Array.from(initial);
  readonly #words = new Uint32Array(64);
  readonly #rest = new Uint8Array(blockBytes);
  #restBytes = 0;
  #bytes = 0;

  update(piece: Uint8Array): void {
    this.#bytes += piece.length;
    let at = 0;
    if (this.#restBytes > 0) {
      at = Math.min(blockBytes - this.#restBytes, piece.length);
      this.#rest.set(piece.subarray(0, at), this.#restBytes);
      this.#restBytes += at;
      if (this.#restBytes < blockBytes) return;
      this.#take(new DataView(this.#rest.buffer), 0);
    }
    const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
    for (; at + blockBytes <= piece.length; at += blockBytes) this.#take(view, at);
    this.#rest.set(piece.subarray(at));
    this.#restBytes = piece.length - at;
  }

  /** In lower-case hex. Nothing may be added afterwards. */
  digest(): string {
    const bits = this.#bytes * 8;
    const zeros = (2 * blockBytes - 9 - this.#restBytes) % blockBytes;
    const end = new DataView(new ArrayBuffer(zeros + 9));
    end.setUint8(0, 0x80);
    end.setUint32(zeros + 1, Math.floor(bits / 2 ** 32));
    end.setUint32(zeros + 5, bits >>> 0);
    this.update(new Uint8Array(end.buffer));
    return Array.from(this.#state, (word) => word.toString(16).padStart(8, '0')).join('');
  }

  #take(block: DataView, at: number): void {
    const words = this.#words;
    for (let i = 0; i < 16; i++) words[i] = block.getUint32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const [before, last] = [word(words, i - 15), word(words, i - 2)];
      const mixed = rotated(before, 7) ^ rotated(before, 18) ^ (before >>> 3);
      const mixedLast = rotated(last, 17) ^ rotated(last, 19) ^ (last >>> 10);
      words[i] = word(words, i - 16) + mixed + word(words, i - 7) + mixedLast;
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = this.#state;
    for (let i = 0; i < 64; i++) {
      const mixedE = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
      const first = (h + mixedE + ((e & f) ^ (~e & g)) + word(constants, i) + word(words, i)) | 0;
      const mixedA = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
      const second = (mixedA + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + first) | 0;
      d = c;
      c = b;
      b = a;
      a = (first + second) | 0;
    }
    for (const [i, value] of [a, b, c, d, e, f, g, h].entries()) this.#state[i] = word(this.#state, i) + value;
  }
}

function rotated(value: number, bits: number): number {
  return (value >>> bits) | (value << (32 - bits));
}

function word(words: Uint32Array, at: number): number {
  return words[at] ?? 0;
}

function primes(count: number): number[] {
  const found: number[] = [];
  for (let each = 2; found.length < count; each++) {
    if (found.every((prime) => each % prime !== 0)) found.push(each);
  }
  return found;
}
