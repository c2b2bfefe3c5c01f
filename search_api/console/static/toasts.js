// @ts-check
// Toasts: messages that go by themselves, and take an action back.

const STAY = 10_000; // ms; while the pointer or the focus is on it, longer
const shelf = () => /** @type {HTMLElement} */ (document.getElementById("toasts"));

/** @param {HTMLElement} toast */
function expire(toast) {
  let timer = 0;
  const wait = () => { timer = setTimeout(() => toast.remove(), STAY); };
  const stay = () => clearTimeout(timer);
  for (const begin of ["pointerenter", "focusin"]) toast.addEventListener(begin, stay);
  for (const end of ["pointerleave", "focusout"]) toast.addEventListener(end, wait);
  wait();
}

/** Watch the shelf: toasts of the server and of scripts live alike. */
export function watch() {
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node instanceof HTMLElement) expire(node);
    }
  }).observe(shelf(), { childList: true });
}

/**
 * Say something.
 * @param {string} message
 * @param {{undo?: () => void, wrong?: boolean}} [options]
 */
export function toast(message, { undo, wrong = false } = {}) {
  const box = document.createElement("div");
  box.className = wrong ? "toast wrong" : "toast";
  if (wrong) box.setAttribute("role", "alert");
  const words = document.createElement("p");
  words.textContent = message;
  box.append(words);
  if (undo) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Undo";
    button.dataset.key = "undo";
    button.addEventListener("click", () => { box.remove(); undo(); });
    box.append(button);
  }
  const close = document.createElement("button");
  close.type = "button";
  close.className = "quiet";
  close.dataset.do = "close-toast";
  close.textContent = "Close";
  box.append(close);
  shelf().append(box);
}

/** Take the last action back that can be. */
export function undoLast() {
  const buttons = shelf().querySelectorAll('button[data-key="undo"]');
  /** @type {HTMLElement | undefined} */ (buttons[buttons.length - 1])?.click();
}

/** Whether there is something to take back. */
export const canUndo = () => shelf().querySelector('button[data-key="undo"]') !== null;
