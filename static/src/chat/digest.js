/**
 * The short SHA-256 that a finished answer is compared by.
 *
 * Not `crypto.subtle`: it is missing on plain http outside localhost, where a self-hosted chat often runs, and it is
 * asynchronous, so the frame after `final` could overtake the check. The digest finds texts that differ by accident; it
 * guards no secret.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

/** The first 8 hex digits of the SHA-256 of the UTF-8 form of `text`. */
export function sha8(text) {
  return bytesToHex(sha256(new TextEncoder().encode(text))).slice(0, 8);
}
