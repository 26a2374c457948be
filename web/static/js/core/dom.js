// Small and dull: elements are made once and changed only where they differ.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function text(element, value) {
  if (element && element.textContent !== value) element.textContent = value;
}

export function trend(element, name) {
  element.classList.toggle("up", name === "up");
  element.classList.toggle("down", name === "down");
}

export const data = (id) => JSON.parse(document.getElementById(id).textContent);
export const $ = (selector, root = document) => root.querySelector(selector);
