/**
 * The only way for a model's text into the page: an allowlist, in which nothing loads from elsewhere.
 *
 * A URL that the browser fetches by itself leaks whatever the model was made to write into it. So there are no images,
 * only their text and host, and a link shows where it really goes.
 */
import DOMPurify from "dompurify";

const ALLOWED_TAGS = [
  "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "strong", "em", "del",
  "table", "thead", "tbody", "tr", "th", "td", "a", "span", "div", "input", "sub", "sup", "kbd",
];
const ALLOWED_ATTR = ["href", "title", "class", "align", "start", "type", "checked", "disabled"];
const CLASS = /^(language-[\w+#.-]+|math-(inline|display)|source)$/;

const CONFIG = {
  ALLOWED_TAGS,
  ALLOWED_ATTR,
  // A path, but not `//host` and what browsers read like it.
  ALLOWED_URI_REGEXP: /^(https?:|mailto:|\/(?![\\/]))/i,
  // Without this the pattern above applies to every attribute, and `align="right"` is not an address.
  ADD_URI_SAFE_ATTR: ["align", "start", "type", "checked", "disabled"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  SANITIZE_NAMED_PROPS: true,
  // Nodes instead of a string: no innerHTML is needed, so Trusted Types have nothing to object to.
  RETURN_DOM_FRAGMENT: true,
};

let purifier = null;

/** Untrusted HTML → a DocumentFragment that the page can show. */
export function sanitize(html) {
  purifier ??= prepared();
  return purifier.sanitize(html, CONFIG);
}

function prepared() {
  DOMPurify.addHook("uponSanitizeElement", replaceImage);
  DOMPurify.addHook("uponSanitizeAttribute", keepKnownClasses);
  DOMPurify.addHook("afterSanitizeAttributes", mendElement);
  return DOMPurify;
}

/** An image becomes text before the allowlist drops it. */
function replaceImage(node, { tagName }) {
  if (tagName !== "img" || !node.parentNode) return;
  const chip = node.ownerDocument.createElement("span");
  const host = hostOf(node.getAttribute("src") ?? "");
  chip.title = host ? `Image from ${host}, not loaded` : "Image, not loaded";
  chip.textContent = [node.getAttribute("alt") || "Image", host && `(${host})`].filter(Boolean).join(" ");
  node.before(chip);
}

function keepKnownClasses(node, attribute) {
  if (attribute.attrName !== "class") return;
  attribute.attrValue = attribute.attrValue.split(/\s+/).filter((name) => CLASS.test(name)).join(" ");
  attribute.keepAttr = attribute.attrValue !== "";
}

function mendElement(node) {
  if (node.tagName === "A" && node.hasAttribute("href")) mendLink(node, node.getAttribute("href"));
  if (node.tagName !== "INPUT") return;
  if (node.getAttribute("type") !== "checkbox") return node.remove();
  node.setAttribute("disabled", "");
}

/** A page of this site opens in the same tab. Under the site's public name the reader may not be logged in, so the link gets this one. */
function mendLink(link, address) {
  const { href, origin } = window.location;
  const url = URL.canParse(address, href) ? new URL(address, href) : null;
  // A user name before the host looks like a host, and no answer needs to send a password.
  if (url && (url.username || url.password)) link.setAttribute("href", Object.assign(url, { username: "", password: "" }).href);
  if (url?.origin === origin) return;
  if (url && url.origin === document.documentElement.dataset.site) return link.setAttribute("href", url.href.slice(url.origin.length));
  link.setAttribute("rel", "noopener noreferrer nofollow");
  link.setAttribute("target", "_blank");
}

/** The host of an absolute web address, in ASCII form (look-alike letters show as xn--…); "" for anything else. */
export function hostOf(address) {
  try {
    const { protocol, host } = new URL(address);
    return /^https?:$/.test(protocol) ? host : "";
  } catch {
    return "";
  }
}

// Characters that reorder text or are invisible: text with them can look like any other text.
const DECEPTIVE = /[\u00ad\u034f\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]/;

const LIKE_ADDRESS = /https?:|www\.|@|^\S+\.\S/i;

/**
 * Where a link leads, the host or the mailbox, if its text does not begin with exactly that; otherwise "". For a page of this site,
 * whose host is `own`, only if the text looks like an address.
 */
export function unsaidTarget(address, words, own = "") {
  const target = hostOf(address) || recipientsOf(address);
  if (target === own && !LIKE_ADDRESS.test(words.split(DECEPTIVE).join(""))) return "";
  const said = words.toLowerCase().replace(/^(?:https?:\/\/|mailto:)/, "");
  const rest = said.startsWith(target.toLowerCase()) ? said.slice(target.length) : " ";
  return /^(?:$|[/?#])/.test(rest) && !DECEPTIVE.test(words) ? "" : target;
}

/** The mailbox of an email link with all its fields but subject and body: `to`, `cc` and `bcc`, however spelled, are more recipients. */
function recipientsOf(address) {
  const [, mailbox, fields] = /^mailto:([^?]*)\??(.*)/is.exec(address) ?? ["", "", ""];
  return [mailbox, ...fields.split("&").filter((field) => field && !/^(?:subject|body)=/i.test(field))].join(", ");
}
