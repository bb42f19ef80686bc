/** What a frame does to a tab: its next state, and what the page must do. */

/** The request is sticky: until a snapshot was applied, every hello asks for one and the cursor is not trusted. */
export function needsSync(state, effects = {}) {
  return changed({ ...state, wantSnapshot: true }, { ...effects, sync: true });
}

export function changed(state, effects = {}) {
  return { state, effects };
}

export function unchanged(state) {
  return { state, effects: {} };
}
