/** Earlier attempts at an answer, which are folded above the newest one. */

/** Each message that is shown, with the earlier attempts before it. `chat/services/replies/attempts.py` does the same. */
export function folded(messages) {
  const shown = [];
  for (const message of messages) {
    const earlier = [];
    while (message.role === "assistant" && !message.continues && shown.at(-1)?.message.role === "assistant") {
      const last = shown.pop();
      earlier.unshift(...last.earlier, last.message);
    }
    shown.push({ earlier, message });
  }
  return shown;
}

/** An answer that was continued is one attempt with its continuation. */
export function attemptWords(earlier) {
  const count = Math.max(earlier.filter(({ continues }) => !continues).length, 1);
  return `${count} earlier ${count === 1 ? "attempt" : "attempts"}`;
}

/** The element that holds the articles of earlier attempts: the one that has one of them already, or a new one. */
export function foldOf(articles, earlier, template) {
  const known = articles.map((article) => article.closest(".earlier-attempts")).find(Boolean);
  const fold = known ?? template.content.firstElementChild.cloneNode(true);
  const words = fold.querySelector(".earlier-words");
  if (words.textContent !== attemptWords(earlier)) words.textContent = attemptWords(earlier);
  place(fold.querySelector(".earlier-answers"), articles);
  return fold;
}

/** Puts the nodes first and in this order; nodes that are already in place are not touched. */
export function place(parent, nodes) {
  let next = parent.firstElementChild;
  for (const node of nodes) {
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
}
