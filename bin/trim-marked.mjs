// The first step of a build. marked comes as one file, of which only the lexer, the tokenizer and the parser are used. It ends with
// an instance that uses all of it, so that esbuild could leave nothing out: this writes a copy without that end.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const SOURCE = "node_modules/marked/lib/marked.esm.js";
const FOLDER = "node_modules/.cache";
const COPY = `${FOLDER}/marked.js`; // package.json names it
const USED = new Set(["Lexer", "Parser", "Tokenizer", "getDefaults"]);
const END = /var (?<instance>[\w$]+)=new [\w$]+;function [\w$]+\([\w$,]+\)\{return \k<instance>\.parse\(.*export\{(?<exported>.*?)\};?/s;

const code = readFileSync(SOURCE, "utf8");
const end = END.exec(code);
const kept = end?.groups.exported.split(",").filter((name) => USED.has(name.split(" as ").at(-1))) ?? [];
if (kept.length !== USED.size) throw new Error(`${SOURCE} has another end than before: change bin/trim-marked.mjs`);
mkdirSync(FOLDER, { recursive: true });
writeFileSync(`${COPY}.part`, `${code.slice(0, end.index)}export{${kept}};\n`);
renameSync(`${COPY}.part`, COPY);
