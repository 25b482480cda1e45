/* What all figures share. Each figure's own script defines mount(root, config, publish). */

/** An element: h("button", {class: "x", onclick: f}, "text", child). */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Text in which `words between backticks` are code. */
function prose(text) {
  return text.split(/`([^`]+)`/).map((part, i) => (i % 2 ? h("code", {}, part) : part));
}

/** Radio buttons under a legend; options are [value, label] pairs, or label may be a list of nodes. */
function radios(legend, name, options, checked, onchange) {
  return h("fieldset", {}, h("legend", { class: "vlm-label" }, ...[legend].flat()),
    ...options.map(([value, label]) => h("label", { class: "vlm-option" },
      h("input", { type: "radio", name, value, checked: value === checked, onchange: () => onchange(value) }),
      " ", ...[label].flat())));
}

/** A matrix as a table with row and column headers. cell(row, column) gives {text, spoken, kind}. */
function matrix(caption, rows, columns, cell, rowAttributes = () => ({})) {
  return h("div", { class: "vlm-scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", { class: "vlm-matrix" }, h("caption", { class: "vlm-sr" }, caption),
      h("thead", {}, h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, ...rows.map((heads, r) => h("tr", rowAttributes(r),
        ...heads.map((head, i) => h(i ? "td" : "th", i ? { class: "vlm-n" } : { scope: "row" }, head)),
        ...columns.slice(heads.length).map((_, c) => {
          const { text, spoken, kind } = cell(r, c);
          return h("td", { class: `vlm-cell vlm-${kind}` },
            h("span", { "aria-hidden": "true" }, text), h("span", { class: "vlm-sr" }, spoken));
        }))))));
}

/** Moves a selection through a row of radio-like buttons with the arrow keys, Home and End. */
function arrowKeys(event, selected, count) {
  const moves = { ArrowRight: selected + 1, ArrowDown: selected + 1, ArrowLeft: selected - 1, ArrowUp: selected - 1, Home: 0, End: count - 1 };
  if (!(event.key in moves)) return null;
  event.preventDefault();
  return Math.min(Math.max(moves[event.key], 0), count - 1);
}

/** Fills every copy of the figure that is not filled yet, then swaps the static picture for the live part. */
function start(id, mount) {
  for (const figure of document.querySelectorAll(`[id="${id}"]:not([data-ready])`)) {
    const live = figure.querySelector(".vlm-live");
    const config = JSON.parse(figure.querySelector(".vlm-config").textContent);
    mount(live, config, (state) => { figure.dataset.state = JSON.stringify(state); });
    live.hidden = false;
    figure.querySelector(".vlm-static").hidden = true;
    figure.dataset.ready = "true";
  }
}
