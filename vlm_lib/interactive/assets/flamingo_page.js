/* A page of images and words: what a trained Flamingo says next, looked up in a recording. Nothing is computed here. */

const SVG = "http://www.w3.org/2000/svg";

function explain(config, state) {
  const { word, gate, exchanged } = state, number = config.phi[word];
  const who = `After “${config.tokens[word]}” (φ = ${number})`;
  const best = state.chance.indexOf(Math.max(...state.chance));
  const says = `the model expects “${config.words[word][best]}” with ${(state.chance[best] / 10).toFixed(0)} %`;
  if (number === 0) return `${who} ${says}. No image stands before this word: the gates add nothing from an image.`;
  const gates = gate === 0 ? "The gates are closed: this is the language model alone, and it has to guess."
    : `The gates are open to ${(100 * config.gates[gate]).toFixed(0)} % of their trained value.`;
  const swapped = exchanged[number - 1] ? ` Image ${number} has been exchanged; the words of the page have not.` : "";
  return `${who} ${says}. ${gates}${swapped}`;
}

function mount(root, config, publish) {
  const isTag = (t) => t > 0 && config.phi[t] > config.phi[t - 1] || t === 0 && config.phi[0] > 0;
  const places = config.tokens.map((_, t) => t).filter((t) => !isTag(t));
  const exchanged = config.pictures.map(() => false);
  let word = config.word, gate = config.gates.length - 1;

  const slider = h("input", { type: "range", min: 0, max: gate, step: 1, value: gate, oninput: () => { gate = Number(slider.value); draw(); } });
  const opening = h("span");
  const lines = document.createElementNS(SVG, "svg");
  lines.setAttribute("aria-hidden", "true");
  const pictures = config.pictures.map((sources, i) => h("button", {
    type: "button", class: "vlm-picture", onclick: () => { exchanged[i] = !exchanged[i]; draw(); },
  }, h("img", { alt: "", width: 64, height: 64 }), h("span", {}, `<image> ${i + 1} ⇄`)));
  const words = new Map(places.map((t) => [t, h("button", {
    type: "button", role: "radio", "aria-label": `${config.tokens[t]}, position ${t + 1}, phi ${config.phi[t]}`,
    onclick: () => choose(t),
    onkeydown: (event) => { const to = arrowKeys(event, places.indexOf(word), places.length); if (to !== null) choose(places[to]); },
  }, h("span", {}, config.tokens[t]), h("small", {}, `φ ${config.phi[t]}`))]));
  const chunks = [0, ...config.pictures.map((_, i) => i + 1)].map((number) => h("div", { class: "vlm-chunk" },
    ...(number ? [pictures[number - 1]] : []),
    h("div", { class: "vlm-said" }, ...places.filter((t) => config.phi[t] === number).map((t) => words.get(t)))));
  const page = h("div", { class: "vlm-live-page", role: "radiogroup", "aria-label": "Words of the page; arrow keys choose one" }, lines, ...chunks);
  const bars = h("div", { class: "vlm-bars" }), said = h("p", { class: "vlm-words", role: "status" });

  function choose(t) {
    word = t;
    draw();
    words.get(t).focus();
  }

  function line(t) {
    const from = words.get(t).getBoundingClientRect(), to = pictures[config.phi[t] - 1].getBoundingClientRect();
    const origin = page.getBoundingClientRect(), path = document.createElementNS(SVG, "path");
    const [x1, y1, x2, y2] = [from.left + from.width / 2 - origin.left, from.top - origin.top, to.left + to.width / 2 - origin.left, to.bottom - origin.top];
    path.setAttribute("d", `M${x1} ${y1} C${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2} ${x2} ${y2}`);
    path.setAttribute("class", t === word ? "vlm-chosen" : "");
    return path;
  }

  function drawLines() {
    const seeing = places.filter((t) => config.phi[t] > 0 && t !== word);
    lines.replaceChildren(...[...seeing, ...(config.phi[word] > 0 ? [word] : [])].map(line));
  }

  function draw() {
    const choice = exchanged.reduce((sum, yes, i) => sum + (yes ? 2 ** i : 0), 0);
    const chance = config.chance[gate][choice][word], written = config.tokens[word + 1];
    const state = { word, gate, exchanged, choice, chance, candidates: config.words[word] };
    opening.textContent = `${(100 * config.gates[gate]).toFixed(0)} %`;
    slider.setAttribute("aria-valuetext", `gates open to ${opening.textContent}`);
    pictures.forEach((button, i) => {
      button.querySelector("img").src = config.pictures[i][exchanged[i] ? 1 : 0];
      button.setAttribute("aria-label", `Exchange image ${i + 1}`);
      button.setAttribute("aria-pressed", String(exchanged[i]));
      button.classList.toggle("vlm-seen", config.phi[word] === i + 1);
    });
    for (const [t, button] of words) {
      button.setAttribute("aria-checked", String(t === word));
      button.tabIndex = t === word ? 0 : -1;
    }
    bars.replaceChildren(...config.words[word].map((candidate, i) => h("div", { class: "vlm-bar" },
      h("span", { class: "vlm-candidate" }, candidate),
      h("span", { class: "vlm-track" }, h("span", { class: "vlm-fill", style: `width:${chance[i] / 10}%` })),
      h("span", { class: "vlm-n" }, `${(chance[i] / 10).toFixed(0)} %`),
      h("span", { class: "vlm-dim" }, candidate === written ? "written" : ""))));
    said.textContent = explain(config, state);
    drawLines();
    publish({ ...state, words: said.textContent });
  }

  root.append(
    h("p", { class: "vlm-dim" }, "Choose a word (click, or arrow keys), open the gates, exchange an image by clicking on it."),
    page,
    h("label", { class: "vlm-gate" }, h("span", { class: "vlm-label" }, "Gates open to ", opening), slider),
    h("p", { class: "vlm-label" }, "The next word, as the model sees it"), bars, said,
  );
  draw();
  new ResizeObserver(drawLines).observe(page);
}
