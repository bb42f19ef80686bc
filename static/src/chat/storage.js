/** What the browser keeps for this site. Private windows and full disks refuse, so nothing here throws. */
import { newId } from "./ids.js";

const TAB_KEY = "tab";

export class Storage {
  #storage;

  /** `open` gives the browser's storage, or throws. */
  constructor(open) {
    this.#storage = attempt(open) ?? null;
  }

  /** A JSON value, or null. */
  read(key) {
    return attempt(() => JSON.parse(this.#storage.getItem(key))) ?? null;
  }

  /** Stores a JSON value, null to remove it. Returns whether it was stored. */
  write(key, value) {
    return attempt(() => this.#put(key, value)) ?? false;
  }

  keys(prefix) {
    const { length = 0 } = this.#storage ?? {};
    const all = Array.from({ length }, (_, index) => attempt(() => this.#storage.key(index)) ?? "");
    return all.filter((key) => key.startsWith(prefix));
  }

  #put(key, value) {
    if (value === null) this.#storage.removeItem(key);
    else this.#storage.setItem(key, JSON.stringify(value));
    return true;
  }
}

/** Lives as long as the tab, over reloads. */
export function tabStorage() {
  return new Storage(() => window.sessionStorage);
}

/** Shared by all tabs, and outlives them. */
export function browserStorage() {
  return new Storage(() => window.localStorage);
}

/** An id that a tab keeps over reloads. */
export function tabId(tab) {
  const id = tab.read(TAB_KEY) ?? newId();
  tab.write(TAB_KEY, id);
  return id;
}

/** Tells other tabs that this one is open, until it is left. Over plain http browsers have no locks: then no tab is known to be open. */
export function holdTab(id, locks = navigator.locks) {
  const held = () => new Promise((release) => window.addEventListener("pagehide", release, { once: true }));
  locks?.request(lockOf(id), held).catch(() => {});
  window.addEventListener("pageshow", ({ persisted }) => persisted && holdTab(id, locks), { once: true });
}

/** A function that tells whether the tab with an id is open. */
export async function openTabs(locks = navigator.locks) {
  const { held = [] } = (await locks?.query().catch(() => null)) ?? {};
  const names = new Set(held.map(({ name }) => name));
  return (id) => names.has(lockOf(id));
}

function lockOf(id) {
  return `tab:${id}`;
}

function attempt(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}
