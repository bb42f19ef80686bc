/** Syntax highlighting for the languages that answers mostly use. `coloring.js` loads this module when there is code. */
import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import cpp from "highlight.js/lib/languages/cpp";
import csharp from "highlight.js/lib/languages/csharp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import dockerfile from "highlight.js/lib/languages/dockerfile";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import kotlin from "highlight.js/lib/languages/kotlin";
import markdown from "highlight.js/lib/languages/markdown";
import php from "highlight.js/lib/languages/php";
import python from "highlight.js/lib/languages/python";
import ruby from "highlight.js/lib/languages/ruby";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import swift from "highlight.js/lib/languages/swift";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";

const LANGUAGES = {
  bash, c, cpp, csharp, css, diff, dockerfile, go, ini, java, javascript, json, kotlin, markdown, php, python, ruby,
  rust, sql, swift, typescript, xml, yaml,
};

for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);

const PART = /<span class="([^"]*)">|<\/span>|&(amp|lt|gt|quot|#x27);|[^<&]+/g;
const CHARACTERS = { amp: "&", lt: "<", gt: ">", quot: '"', "#x27": "'" };

/** The code as nodes, or null if the language is unknown. The HTML of highlight.js has only spans and five entities. */
export function highlighted(code, language) {
  const name = language.toLowerCase();
  if (!hljs.getLanguage(name)) return null;
  const root = document.createDocumentFragment();
  let place = root;
  for (const [part, className, entity] of hljs.highlight(code, { language: name, ignoreIllegals: true }).value.matchAll(PART)) {
    if (part === "</span>") place = place.parentNode;
    else if (className !== undefined) place = place.appendChild(spanOf(className));
    else place.append(entity ? CHARACTERS[entity] : part);
  }
  root.normalize();
  return root;
}

function spanOf(className) {
  const span = document.createElement("span");
  span.className = className;
  return span;
}
