/** Formulas, whose typesetting is loaded when the first one appears. Until then, and if that fails, their source is shown. */

const LOADED = "chat:formulas-loaded";
const AGAIN_MS = 10_000;
const SOURCE = 'code[class^="math-"]';

let typesetting = null;
let loading = null;

/** Typesets the formulas below `root` if that is loaded; otherwise starts loading it. */
export function typeset(root) {
  const codes = root.querySelectorAll(SOURCE);
  if (!codes.length) return;
  if (!typesetting) loading ??= load();
  else codes.forEach((code) => code.replaceWith(typesetting.formulaOf(code)));
}

/** `repaint` is called when typesetting has been loaded. */
export function whenFormulasLoad(repaint, signal) {
  document.addEventListener(LOADED, repaint, { signal });
}

async function load() {
  try {
    const module = await import("./typesetting.js");
    await module.loadStyles();
    typesetting = module;
    document.dispatchEvent(new Event(LOADED));
  } catch {
    window.setTimeout(() => (loading = null), AGAIN_MS); // then the next formula tries again
  }
}
