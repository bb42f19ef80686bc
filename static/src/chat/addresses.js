/** Addresses that become links; any other link target stays text. */

const ELSEWHERE = /^(?:https?:\/\/[^\s/]|mailto:[^\s@]+@)/i;
// A path like `/etc/hosts` is not a page of this site.
const OWN_PAGE = /^\/(?:chat|usage|accounts|admin)(?:[/?#]|$)/;
const PICTURE = /^(?:https?:\/\/[^\s/]|data:image\/)/i;

export function isAddress(target) {
  return OWN_PAGE.test(target) || (ELSEWHERE.test(target) && (/^mailto:/i.test(target) || URL.canParse(target)));
}

export function isPicture(target) {
  return PICTURE.test(target);
}

// Punctuation of the surrounding sentence, which ends a bare address.
export const ENDS_ADDRESS = /[\u2018-\u201f\u2026\u2014\u3000-\u3003\u3008-\u301f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65،؛؟]/;
