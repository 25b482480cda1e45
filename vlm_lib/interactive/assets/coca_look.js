/* A drawing under a trained CoCa's queries, its caption and its scores, looked up in a recording. Nothing is computed here. */

const SVG = "http://www.w3.org/2000/svg";

function overlay(svg, shares) {
  const side = Math.round(Math.sqrt(shares.length)), most = Math.max(...shares, 1);
  svg.setAttribute("viewBox", `0 0 ${side} ${side}`);
  svg.replaceChildren(...shares.map((share, place) => {
    const rect = document.createElementNS(SVG, "rect"), size = Math.sqrt(share / most);
    const at = { x: place % side + (1 - size) / 2, y: Math.floor(place / side) + (1 - size) / 2, width: size, height: size };
    for (const [name, value] of Object.entries(at)) rect.setAttribute(name, value.toFixed(2));
    return rect;
  }));
}

function mount(root, config, publish) {
  let drawing = 0, query = 0, step = 0;
  const queries = config.looks[0].maps.length - 1;
  const choices = config.pictures.map((source, i) => h("button", {
    type: "button", role: "radio", "aria-label": config.looks[i].name, onclick: () => choose(i),
    onkeydown: (event) => { const to = arrowKeys(event, drawing, config.looks.length); if (to !== null) choose(to); },
  }, h("img", { alt: "", width: 44, height: 44, src: source })));
  const picture = h("img", { alt: "", width: 196, height: 196 });
  const map = document.createElementNS(SVG, "svg");
  map.setAttribute("aria-hidden", "true");
  const which = h("span"), at = h("span");
  const slide = (label, max, set) => h("input", { type: "range", min: 0, max, step: 1, value: 0, "aria-label": label, oninput: (event) => { set(Number(event.target.value)); draw(); } });
  const querySlider = slide("Query", queries, (n) => { query = n; });
  const stepSlider = slide("Step of the caption", 1, (n) => { step = n; });
  const words = h("div", { class: "vlm-caption" }), bars = h("div"), scores = h("div"), said = h("p", { class: "vlm-said", role: "status" });

  function choose(i) {
    drawing = i;
    step = 0;
    draw();
    choices[i].focus();
  }

  const bar = (name, share, text, kind = "") => h("div", { class: "vlm-bar" }, h("span", { class: kind }, name),
    h("span", { class: "vlm-track" }, h("span", { class: "vlm-fill", style: `width:${Math.max(0, Math.min(100, share))}%` })), h("span", { class: "vlm-n" }, text));

  function draw() {
    const look = config.looks[drawing], last = look.words.length - 1;
    const shares = look.maps[query], place = shares.indexOf(Math.max(...shares)), side = Math.round(Math.sqrt(shares.length));
    choices.forEach((button, i) => { button.setAttribute("aria-checked", String(i === drawing)); button.tabIndex = i === drawing ? 0 : -1; });
    picture.src = config.pictures[drawing];
    picture.alt = look.name;
    overlay(map, shares);
    which.textContent = query === 0 ? "the contrastive query" : `captioning query ${query} of ${queries}`;
    querySlider.setAttribute("aria-valuetext", which.textContent);
    stepSlider.max = last;
    stepSlider.value = step;
    at.textContent = `${step + 1} of ${last + 1}`;
    stepSlider.setAttribute("aria-valuetext", `word ${at.textContent}`);
    words.replaceChildren(...look.words.slice(0, step + 1).map((word, i) => h("span", { class: `vlm-word ${i === step ? "vlm-newest" : ""}` }, word)));
    bars.replaceChildren(...look.bars[step].map(([word, n]) => bar(word, n / 10, `${(n / 10).toFixed(0)} %`)));
    scores.replaceChildren(...look.scores.map(([name, n, own]) => bar(name, n / 10, (n / 1000).toFixed(2).replace("-0.00", "0.00"), own ? "vlm-own" : "")));
    const rank = look.scores.findIndex((score) => score[2]) + 1;
    said.textContent = `The drawing is called “${look.name}”. ${query === 0 ? "The one contrastive query" : `Captioning query ${query}`} gives its most attention, `
      + `${(Math.max(...shares) / 10).toFixed(0)} %, to row ${Math.floor(place / side) + 1}, column ${place % side + 1}. `
      + `Word ${step + 1} of the caption is “${look.words[step]}”. Of ${look.scores.length} names the right one comes ${["first", "second", "third", "fourth", "fifth", "sixth"][rank - 1]}.`;
    publish({ drawing, query, step, place, words: look.words.slice(0, step + 1), rank, said: said.textContent });
  }

  root.append(
    h("p", { class: "vlm-dim" }, "Choose a drawing; move the query, and the step of the caption."),
    h("div", { class: "vlm-choice", role: "radiogroup", "aria-label": "Drawings; arrow keys choose one" }, ...choices),
    h("div", { class: "vlm-row" },
      h("div", {}, h("span", { class: "vlm-overlay" }, picture, map), h("label", {}, h("span", { class: "vlm-label" }, "Where ", which, " looks"), querySlider)),
      h("div", {}, h("label", {}, h("span", { class: "vlm-label" }, "The caption, word ", at), stepSlider), words, h("small", {}, "candidates for the newest word"), bars),
      h("div", {}, h("p", { class: "vlm-label" }, "Cosine with names (own name underlined)"), scores)),
    said,
  );
  draw();
}
