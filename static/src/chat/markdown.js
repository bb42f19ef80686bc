/** Markdown to HTML. The result is NOT safe yet: `sanitizer.js` is the only way into the page. */
import { Marked } from "marked";
import { markedEmoji } from "marked-emoji";
import { markedHighlight } from "marked-highlight";
import { EMOJI } from "./emoji.js";
import { highlight } from "./highlight.js";
import { ALLOWED_TAGS } from "./sanitizer.js";

const GROWING = "growing";
const whole = parserFor({ growing: false });
const growing = parserFor({ growing: true });

/** In an answer that still grows, an open code fence stays uncolored, or its colors would jump about. */
export function toHtml(text, { isGrowing = false } = {}) {
  return (isGrowing ? growing : whole).parse(text);
}

function parserFor({ growing: isGrowing }) {
  const parser = new Marked({ gfm: true });
  parser.use(
    markedEmoji({ emojis: EMOJI, renderer: (token) => token.emoji }),
    markedHighlight({ highlight: colored }),
    { renderer: { html: ({ text }) => withUnknownTagsVisible(text) } },
  );
  // The extension that was registered last walks first, so the fence is marked before the highlighter sees it.
  if (isGrowing) parser.use({ walkTokens: markOpenFence });
  return parser;
}

function colored(code, language, info) {
  return info.endsWith(` ${GROWING}`) ? code : highlight(code, language);
}

function markOpenFence(token) {
  if (token.type === "code" && isOpenFence(token.raw)) token.lang = `${token.lang ?? ""} ${GROWING}`;
}

function isOpenFence(raw) {
  const fence = /^ {0,3}(`{3,}|~{3,})/.exec(raw)?.[1];
  if (!fence) return false;
  const last = raw.trimEnd().split("\n").slice(1).at(-1)?.trim() ?? "";
  return !(last.length >= fence.length && last === fence[0].repeat(last.length));
}

// `List<String>` outside a code fence would lose its middle: a tag that would be dropped is shown as it was written.
const PASSED_ON = new Set([...ALLOWED_TAGS, "img"]);
const TAG = /<(\/?)([a-z][^\s/>]*)/gi;

function withUnknownTagsVisible(html) {
  return html.replace(TAG, (whole, slash, name) => (PASSED_ON.has(name.toLowerCase()) ? whole : `&lt;${slash}${name}`));
}
