// The first step of a build. marked comes as one file, of which only the lexer, the tokenizer and the parser are used. It ends with
// an instance that uses all of it, so that esbuild could leave nothing out: this writes a copy without that end, and without what
// belongs to options that are never set here.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const SOURCE = "node_modules/marked/lib/marked.esm.js";
const FOLDER = "node_modules/.cache";
const COPY = `${FOLDER}/marked.js`; // package.json names it
const USED = new Set(["Lexer", "Parser", "Tokenizer", "getDefaults"]);
const END = /var (?<instance>[\w$]+)=new [\w$]+;function [\w$]+\([\w$,]+\)\{return \k<instance>\.parse\(.*export\{(?<exported>.*?)\};?/s;
// The lexer's extensions are in dialect.js. `pedantic` has rules of its own.
const UNSET = [
  [/this\.options\.(?:pedantic|silent)\b/g, "!1"],
  [/if\(this\.options\.extensions\?\.(?:block|inline)\?\.some\(.*?\)\)continue;/g, ""],
  [/if\(this\.options\.extensions\?\.start(?:Block|Inline)\)/g, "if(!1)"],
  [/(?<=\{normal:[\w$]+,gfm:[\w$]+(?:,breaks:[\w$]+)?),pedantic:[\w$]+(?=\})/g, ""],
];
const RULE_MAKER = /function ([\w$]+)\([\w$]+,[\w$]+=""\)\{/;

const code = readFileSync(SOURCE, "utf8");
const end = END.exec(code) ?? changed();
const kept = end.groups.exported.split(",").filter((name) => USED.has(name.split(" as ").at(-1)));
if (kept.length !== USED.size) changed();
const pedantic = [...code.matchAll(/,pedantic:([\w$]+)\}/g)].map(([, name]) => name);
const rules = pedantic.map((name) => [new RegExp(`,${quoted(name)}=\\{\\.\\.\\.[^]*?\\.getRegex\\(\\)\\}(?=,)`), ""]);
const [, maker] = RULE_MAKER.exec(code) ?? changed();
// Without this note esbuild would keep rules that nothing uses.
const notes = [new RegExp(`(?<=,[\\w$]+=)(?=${quoted(maker)}\\()`, "g"), "/* @__PURE__ */"];
const trimmed = [...UNSET, ...rules, notes].reduce(without, code.slice(0, end.index));
mkdirSync(FOLDER, { recursive: true });
writeFileSync(`${COPY}.part`, `${trimmed}export{${kept}};\n`);
renameSync(`${COPY}.part`, COPY);

function without(text, [part, instead]) {
  const less = text.replace(part, instead);
  return less === text ? changed() : less;
}

function quoted(name) {
  return name.replaceAll("$", "\\$");
}

function changed() {
  throw new Error(`${SOURCE} is not built as before: change bin/trim-marked.mjs`);
}
