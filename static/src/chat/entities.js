/** Entities that are written about are shown as written; others, as in `AT&amp;T`, are what they stand for. */

const ENTITY = /&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z]\w{1,31});/gi;
const ADDRESS = /https?:\/\/\S*/g;
const SUBJECT = /\b(?:html|xml)\b|entit|escap/i;
const FREE_SPACE = /(?:^|\s)&(?:nbsp|shy|zwn?j|ensp|emsp|thinsp|lrm|rlm|#160|#xa0);(?=[\s.,;:!?)]|$)/i;

/** Is this paragraph or cell about entities? An author who escapes characters leaves no `<` or `&` unescaped. */
export function namesEntities(source, isCell) {
  if (!source.includes("&") || source.search(ENTITY) < 0) return false;
  const rest = source.replace(ADDRESS, "").replace(ENTITY, "");
  return /[<&]/.test(rest) || SUBJECT.test(rest) || (!isCell && FREE_SPACE.test(source));
}
