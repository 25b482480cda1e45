/* What a trained VisualBERT says of a masked word, looked up in a recording. It computes nothing. */

const SIZE = 64, CORNERS = ["above left", "above right", "below left", "below right"], ARROWS = ["↖", "↗", "↙", "↘"];
const MEANING = { f_o: "what is in the box", f_s: "that it is a region", f_p: "where the box is" };
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const cellAt = (column, row) => column + 2 * row;
const inside = (value) => Math.min(Math.max(value, 0), 1);
const cellOf = ([left, top, right, bottom]) => cellAt(Number(left + right >= SIZE), Number(top + bottom >= SIZE));

function explain(config, state) {
  const best = state.chance.indexOf(Math.max(...state.chance)), said = state.candidates[best];
  const first = `It expects “${said}” with ${(state.chance[best] / 10).toFixed(0)} %; the word was “${state.truth}”.`;
  if (state.hidden) return `${first} The image is hidden: the model guesses from the words around the gap.`;
  const off = config.parts.filter((part) => !state.on.includes(part));
  const moved = state.cells.filter((cell, i) => cell !== config.start[i]).length;
  const boxes = moved ? ` ${moved === 1 ? "One box has" : "Both boxes have"} been moved; the picture and the caption have not.` : "";
  return `${first} ${off.length ? `Switched off: ${off.map((part) => `${part}, ${MEANING[part]}`).join("; ")}.` : "Every part of a region is on."}${boxes}`;
}

function mount(root, config, publish) {
  const cells = [...config.start], on = config.parts.map(() => true);
  let word = config.word, hidden = false;

  const place = (element, box) => {
    const [left, top, right, bottom] = box.map((edge) => (100 * edge) / SIZE);
    Object.assign(element.style, { left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%` });
  };
  const stage = h("div", { class: "vlm-stage" }, h("img", { alt: "The scene with its boxes", src: config.picture }));
  for (const box of config.others) {
    const frame = h("span", { class: "vlm-other", "aria-hidden": "true" });
    place(frame, box);
    stage.append(frame);
  }
  const boxes = config.boxes.map((_, i) => h("button", {
    type: "button", class: "vlm-box",
    onkeydown: (event) => {
      const step = STEPS[event.key];
      if (!step) return;
      event.preventDefault();
      cells[i] = cellAt(inside((cells[i] % 2) + step[0]), inside(Math.floor(cells[i] / 2) + step[1]));
      draw();
    },
    onpointerdown: (event) => boxes[i].setPointerCapture(event.pointerId),
    onpointermove: (event) => {
      if (!boxes[i].hasPointerCapture(event.pointerId)) return;
      const area = stage.getBoundingClientRect();
      const column = Number(event.clientX > area.left + area.width / 2), row = Number(event.clientY > area.top + area.height / 2);
      if (cells[i] !== cellAt(column, row)) { cells[i] = cellAt(column, row); draw(); }
    },
  }, String(i + 1)));
  stage.append(...boxes);

  const told = [...config.boxes.map((_, i) => i + 1), ...config.others.map(() => "")].map((number) => ({
    node: h("span", { class: "vlm-region" }), image: h("img", { alt: "" }), where: h("span", { class: "vlm-where" }), number }));
  for (const { node, image, where, number } of told) node.append(h("small", {}, `box ${number}`), image, where);
  told.slice(2).forEach(({ node, image, where }, i) => { node.firstChild.textContent = "nothing"; image.src = config.crops[2][i]; where.textContent = ARROWS[cellOf(config.others[i])]; });

  const switches = config.parts.map((part, i) => h("label", { class: "vlm-option" },
    h("input", { type: "checkbox", checked: true, onchange: (event) => { on[i] = event.target.checked; draw(); } }),
    " ", h("strong", {}, part[0], h("sub", {}, part.slice(2))), ` ${MEANING[part]}`));
  const hide = h("label", { class: "vlm-option" },
    h("input", { type: "checkbox", onchange: (event) => { hidden = event.target.checked; draw(); } }), " hide the image");
  const back = h("button", { type: "button", onclick: () => { cells.splice(0, 2, ...config.start); draw(); } }, "boxes back");

  const gaps = config.maskable.map((position, i) => h("button", {
    type: "button", role: "radio", onclick: () => choose(i),
    onkeydown: (event) => { const to = arrowKeys(event, word, config.maskable.length); if (to !== null) choose(to); },
  }));
  const text = h("p", { class: "vlm-caption", role: "radiogroup", "aria-label": "Words of the caption; arrow keys choose the masked one" },
    ...config.words.slice(1, -1).map((w, i) => (config.maskable.includes(i + 1) ? gaps[config.maskable.indexOf(i + 1)] : h("span", {}, w))));
  const bars = h("div", { class: "vlm-bars" }), said = h("p", { class: "vlm-words", role: "status" });

  function choose(i) {
    word = i;
    draw();
    gaps[i].focus();
  }

  function draw() {
    const bits = on.reduce((sum, yes, i) => sum + (yes ? 2 ** i : 0), 0), where = 4 * cells[0] + cells[1];
    const chance = hidden ? config.hidden[word] : config.chance[word][bits][where], truth = config.words[config.maskable[word]];
    const state = { word, hidden, cells: [...cells], on: config.parts.filter((_, i) => on[i]), chance, candidates: config.candidates[word], truth };
    boxes.forEach((button, i) => {
      place(button, config.boxes[i][cells[i]]);
      button.setAttribute("aria-label", `Box ${i + 1}, ${CORNERS[cells[i]]}; arrow keys move it`);
      told[i].image.src = config.crops[i][cells[i]];
      told[i].where.textContent = ARROWS[cells[i]];
    });
    stage.classList.toggle("vlm-hidden", hidden);
    for (const { image, where, node } of told) {
      node.classList.toggle("vlm-off", hidden);
      image.classList.toggle("vlm-off", !on[0]);
      where.classList.toggle("vlm-off", !on[2]);
    }
    gaps.forEach((button, i) => {
      button.textContent = i === word ? "[mask]" : config.words[config.maskable[i]];
      button.setAttribute("aria-label", `${config.words[config.maskable[i]]}, word ${config.maskable[i]}`);
      button.setAttribute("aria-checked", String(i === word));
      button.tabIndex = i === word ? 0 : -1;
    });
    bars.replaceChildren(...state.candidates.map((candidate, i) => h("div", { class: "vlm-bar" },
      h("span", { class: "vlm-candidate" }, candidate),
      h("span", { class: "vlm-track" }, h("span", { class: "vlm-fill", style: `width:${chance[i] / 10}%` })),
      h("span", { class: "vlm-n" }, `${(chance[i] / 10).toFixed(0)} %`),
      h("span", { class: "vlm-dim" }, candidate === truth ? "the word" : ""))));
    said.textContent = explain(config, state);
    publish({ ...state, words: said.textContent });
  }

  root.append(
    h("p", { class: "vlm-dim" }, "Choose the word to mask. Switch parts of the regions off; drag a box, or move it with the arrow keys."),
    h("div", { class: "vlm-two" }, stage,
      h("div", {}, h("fieldset", {}, h("legend", { class: "vlm-label" }, "A region is the sum of"), ...switches), hide, h("p", {}, back),
        h("p", { class: "vlm-label" }, "What the model is given of each"), h("div", { class: "vlm-told" }, ...told.map(({ node }) => node)))),
    text, h("p", { class: "vlm-label" }, "The masked word, as the model sees it"), bars, said,
  );
  draw();
}
