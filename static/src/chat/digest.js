/**
 * The short SHA-256 (FIPS 180-4) that a finished answer is compared by.
 *
 * Not `crypto.subtle`: it is missing on plain http outside localhost, where a self-hosted chat often runs, and it is
 * asynchronous, so the frame after `final` could overtake the check. The digest finds texts that differ by accident; it
 * guards no secret.
 */

const BLOCK = 64; // bytes
const PRIMES = [2];
for (let n = 3; PRIMES.length < BLOCK; n += 2) if (PRIMES.every((prime) => n % prime)) PRIMES.push(n);
const fraction = (root) => ((root % 1) * 2 ** 32) | 0; // its first 32 bits
const ROUNDS = PRIMES.map((prime) => fraction(Math.cbrt(prime)));
const START = PRIMES.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));

/** The first 8 hex digits of the SHA-256 of the UTF-8 form of `text`. */
export function sha8(text) {
  const bytes = padded(new TextEncoder().encode(text));
  const words = new Int32Array(BLOCK);
  let hash = START;
  for (let at = 0; at < bytes.byteLength; at += BLOCK) hash = compressed(hash, spread(words, bytes, at));
  return (hash[0] >>> 0).toString(16).padStart(8, "0");
}

/** A bit, zeros, and the length in bits, up to the end of a block. */
function padded(bytes) {
  const view = new DataView(new ArrayBuffer((((bytes.length + 8) >> 6) + 1) * BLOCK));
  new Uint8Array(view.buffer).set(bytes);
  view.setUint8(bytes.length, 0x80);
  view.setUint32(view.byteLength - 4, bytes.length * 8);
  return view;
}

/** The 16 words of a block, and 48 more that are made from them. */
function spread(words, bytes, at) {
  for (let n = 0; n < 16; n += 1) words[n] = bytes.getInt32(at + n * 4);
  for (let n = 16; n < BLOCK; n += 1) {
    const [early, late] = [words[n - 15], words[n - 2]];
    const mixed = (turned(early, 7) ^ turned(early, 18) ^ (early >>> 3)) + (turned(late, 17) ^ turned(late, 19) ^ (late >>> 10));
    words[n] = words[n - 16] + words[n - 7] + mixed;
  }
  return words;
}

function compressed(hash, words) {
  let [a, b, c, d, e, f, g, h] = hash;
  for (let n = 0; n < BLOCK; n += 1) {
    const one = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + ROUNDS[n] + words[n];
    const other = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + other) | 0];
  }
  return [a, b, c, d, e, f, g, h].map((word, n) => (word + hash[n]) | 0);
}

function turned(word, bits) {
  return (word >>> bits) | (word << (32 - bits));
}
