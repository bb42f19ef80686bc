/**
 * SHA-256 of a text, synchronous.
 *
 * `crypto.subtle` is missing on plain http outside localhost, where a self-hosted chat often runs, and it is
 * asynchronous: the frame after `final` could overtake the check. This finds texts that differ by accident; it
 * guards no secret.
 */

const ROUND_CONSTANTS = fractionalParts(primes(64), 1 / 3);
const INITIAL_STATE = fractionalParts(primes(8), 1 / 2);

/** The first 8 hex digits of the SHA-256 of the UTF-8 form of `text`. */
export function sha8(text) {
  return sha256(text).slice(0, 8);
}

export function sha256(text) {
  const words = padded(new TextEncoder().encode(text));
  const state = Uint32Array.from(INITIAL_STATE);
  for (let offset = 0; offset < words.length; offset += 16) compress(state, words.subarray(offset, offset + 16));
  return Array.from(state, (word) => word.toString(16).padStart(8, "0")).join("");
}

/** The message as big-endian words, with the end mark and the length in bits that the standard asks for. */
function padded(bytes) {
  const blocks = Math.ceil((bytes.length + 9) / 64);
  const words = new Uint32Array(blocks * 16);
  bytes.forEach((byte, index) => {
    words[index >> 2] |= byte << (24 - (index % 4) * 8);
  });
  words[bytes.length >> 2] |= 0x80 << (24 - (bytes.length % 4) * 8);
  words[words.length - 2] = Math.floor((bytes.length * 8) / 2 ** 32);
  words[words.length - 1] = bytes.length * 8;
  return words;
}

function compress(state, block) {
  const schedule = expanded(block);
  let [a, b, c, d, e, f, g, h] = state;
  for (let round = 0; round < 64; round += 1) {
    const sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choice = (e & f) ^ (~e & g);
    const first = (h + sum1 + choice + ROUND_CONSTANTS[round] + schedule[round]) | 0;
    const sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + sum0 + majority) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => {
    state[index] += word;
  });
}

function expanded(block) {
  const schedule = new Uint32Array(64);
  schedule.set(block);
  for (let i = 16; i < 64; i += 1) {
    const before = schedule[i - 15];
    const recent = schedule[i - 2];
    const small0 = rotate(before, 7) ^ rotate(before, 18) ^ (before >>> 3);
    const small1 = rotate(recent, 17) ^ rotate(recent, 19) ^ (recent >>> 10);
    schedule[i] = schedule[i - 16] + small0 + schedule[i - 7] + small1;
  }
  return schedule;
}

function rotate(word, bits) {
  return (word >>> bits) | (word << (32 - bits));
}

function primes(count) {
  const found = [];
  for (let candidate = 2; found.length < count; candidate += 1) {
    if (found.every((prime) => candidate % prime)) found.push(candidate);
  }
  return found;
}

/** The first 32 bits of the fractional part of each number's root: the standard's "nothing up my sleeve" constants. */
function fractionalParts(numbers, power) {
  return Uint32Array.from(numbers, (number) => (number ** power % 1) * 2 ** 32);
}
