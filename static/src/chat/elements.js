/** Elements of parts that are loaded later: a first visit does without their markup. Their classes are in input.css, by file. */

export const BUTTON = "inline-flex min-h-10 cursor-pointer items-center justify-center rounded-full border px-3.5 py-1.5 text-sm font-strong leading-5 transition-colors";

/** With these attributes and children. */
export function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
