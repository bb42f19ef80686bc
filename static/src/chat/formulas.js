/** Formulas, whose typesetting is loaded when the first one appears. Until then, and if that fails, their source is shown. */
import { idle } from "./idle.js";

const LOADED = "chat:formulas-loaded";
const AGAIN_MS = 10_000;
const SOURCE = 'code[class^="math-"]';

let typesetting = null;
let loading = null;
let resting = null;

/** Typesets formulas below `root`, as many as a task has time for, if typesetting is loaded; otherwise starts loading it. */
export function typeset(root) {
  const codes = [...root.querySelectorAll(SOURCE)];
  if (!codes.length) return;
  if (!typesetting) loading ??= load();
  else if (typesetting.typesetSome(codes)) resting ??= idle().then(goOn);
}

function goOn() {
  resting = null;
  document.dispatchEvent(new Event(LOADED));
}

/** `repaint` is called when typesetting has been loaded, and when there is time for more formulas. */
export function whenFormulasLoad(repaint, signal) {
  document.addEventListener(LOADED, repaint, { signal });
}

async function load() {
  try {
    const module = await import("./typesetting.js");
    await module.loadStyles();
    typesetting = module;
    goOn();
  } catch {
    window.setTimeout(() => (loading = null), AGAIN_MS); // then the next formula tries again
  }
}
