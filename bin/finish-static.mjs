// The last step of a build. It writes a .br and a .gz beside each text file of static/dist and static/images, and a list of
// their hashes: the server sends a variant only if its hash and the file's match, see chat/web/static_files.py.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative, sep } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const [root = "static"] = process.argv.slice(2);
const MANIFEST = "dist/compressed.json";
const METAFILE = "dist/metafile.json"; // esbuild's
const TEXTS = /\.(css|js|svg|json|webmanifest|txt)$/;
const AT_LEAST_BYTES = 256; // smaller ones hardly get smaller
// Rules for these are left out as long as no template has such a control.
const CONTROLS = [
  ["[type=file]", /["']file["']/],
  ["[type=range]", /["']range["']/],
  [".toggle-bg", /toggle-bg/],
];
const CODINGS = {
  br: [".br", (content) => brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } })],
  gzip: [".gz", (content) => withoutSystem(gzipSync(content, { level: 9 }))],
};

dropEmptyImports();
dropUnusedStyles();
const files = ["dist", "images"].flatMap((folder) => filesIn(join(root, folder)));
for (const file of files) if (isLeftOver(file)) rmSync(file);
const manifest = Object.fromEntries(files.filter(isCompressed).toSorted().map((file) => [nameOf(file), compressed(file)]));
write(join(root, MANIFEST), JSON.stringify(manifest, null, 1));

/** esbuild makes each script import the chunk of its helpers, needed or not: a round trip before the script runs. */
function dropEmptyImports() {
  if (!existsSync(join(root, METAFILE))) return;
  const { outputs } = JSON.parse(readFileSync(join(root, METAFILE), "utf8"));
  const scripts = Object.keys(outputs);
  const helpers = scripts.filter((path) => Object.keys(outputs[path].inputs).length === 0).map((path) => basename(path));
  for (const path of scripts) {
    const code = readFileSync(path, "utf8");
    const kept = helpers.reduce((text, name) => text.replace(new RegExp(`^import"[./]+(chunks/)?${name}";`), ""), code);
    if (kept !== code) write(path, kept);
  }
}

/** Flowbite's theme and the typography plugin have colors and controls for everything that a site could have. */
function dropUnusedStyles() {
  const styles = join(root, "dist/app.css");
  if (!existsSync(styles)) return;
  const code = readFileSync(styles, "utf8");
  const others = filesIn(join(root, "dist")).filter((file) => /(?<!app)\.css$/.test(file)).map((file) => readFileSync(file, "utf8")).join();
  const pages = filesIn("templates").map((file) => readFileSync(file, "utf8")).join();
  const unused = CONTROLS.filter(([, mark]) => !mark.test(pages)).map(([selector]) => selector);
  const isUsed = (selector) => !unused.some((part) => selector.includes(part));
  const fewer = code.replace(/(?<=[{}])([^{}@]+)\{[^{}]*\}/g, (rule, selectors) => (selectors.split(",").some(isUsed) ? rule : ""));
  write(styles, withoutUnusedColors(fewer, others));
}

/** Colors may be made of colors. */
function withoutUnusedColors(code, others) {
  const isRead = (name) => [code, others].some((text) => text.includes(`var(${name})`) || text.includes(`var(${name},`));
  const kept = code.replace(/(--(?:color|tw-prose)-[\w-]+):[^;{}]*(;|(?=\}))/g, (rule, name) => (isRead(name) ? rule : ""));
  return kept === code ? code : withoutUnusedColors(kept, others);
}

/** Writes the variants of a file; returns the hashes of all. */
function compressed(file) {
  const content = readFileSync(file);
  const hashes = { identity: hashOf(content) };
  for (const [coding, [suffix, compress]] of Object.entries(CODINGS)) {
    const variant = compress(content);
    write(file + suffix, variant);
    hashes[coding] = hashOf(variant);
  }
  return hashes;
}

function filesIn(folder) {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

/** Variants of an earlier build, source maps of a watcher, and what esbuild says about this build. */
function isLeftOver(file) {
  return /\.(br|gz|map)$/.test(file) || [MANIFEST, METAFILE].includes(nameOf(file));
}

function isCompressed(file) {
  return TEXTS.test(file) && !isLeftOver(file) && readFileSync(file).length >= AT_LEAST_BYTES;
}

function nameOf(file) {
  return relative(root, file).split(sep).join("/");
}

function hashOf(content) {
  return createHash("sha256").update(content).digest("hex");
}

/** gzip records the operating system: the same byte everywhere keeps builds reproducible. */
function withoutSystem(packed) {
  packed[9] = 255;
  return packed;
}

/** Atomically, since a server may be reading the file. */
function write(file, content) {
  writeFileSync(`${file}.part`, content);
  renameSync(`${file}.part`, file);
}
