/* Next-word bars of LM, fusion and their sum, looked up in a recording. Nothing is computed here. */

function mount(root, config, publish) {
  const { names, weights, truth } = config;
  let name = names[0], picture = 0, step = 0;
  let at = weights.reduce((best, w, i) => (Math.abs(w - 1) < Math.abs(weights[best] - 1) ? i : best), 0);

  const choices = config.pictures.map((source, i) => h("button", {
    type: "button", role: "radio", "aria-label": truth[i], onclick: () => choose(i),
    onkeydown: (event) => { const to = arrowKeys(event, picture, truth.length); if (to !== null) choose(to); },
  }, h("img", { alt: "", width: 52, height: 52, src: source })));
  const slide = (label, max, set) => h("input", { type: "range", min: 0, max, step: 1, "aria-label": label,
    oninput: (event) => { set(Number(event.target.value)); draw(); } });
  const weightSlider = slide("Weight of the fusion", weights.length - 1, (n) => { at = n; step = Math.min(step, steps().length - 1); });
  const stepSlider = slide("Word of the caption", 1, (n) => { step = n; });
  const weight = h("span", { class: "vlm-n" }), place = h("span", { class: "vlm-n" });
  const caption = h("div", { class: "vlm-caption" }), rows = h("tbody"), said = h("p", { class: "vlm-said", role: "status" });

  const steps = () => config.writings[name][at][picture];
  const text = () => steps().map((one) => one.word).filter((word) => word !== "<eos>").join(" ");
  const percent = (n) => `${(n / 10).toFixed(0)} %`;

  function choose(i) { picture = i; step = 0; draw(); choices[i].focus(); }

  function bar(n, kind) {
    return h("td", {}, h("span", { class: "vlm-track" }, h("span", { class: `vlm-fill vlm-${kind}`, style: `width:${n / 10}%` })),
      h("span", { class: "vlm-n" }, percent(n)));
  }

  function draw() {
    const all = steps(), now = all[step], right = text() === truth[picture];
    choices.forEach((button, i) => { button.setAttribute("aria-checked", String(i === picture)); button.tabIndex = i === picture ? 0 : -1; });
    weightSlider.value = at;
    weight.textContent = `${weights[at]}`;
    weightSlider.setAttribute("aria-valuetext", `weight ${weights[at]}`);
    stepSlider.max = all.length - 1;
    stepSlider.value = step;
    place.textContent = `${step + 1} of ${all.length}`;
    stepSlider.setAttribute("aria-valuetext", `word ${place.textContent}`);
    caption.replaceChildren(...all.map((one, i) => h("button", { type: "button", class: `vlm-word ${i === step ? "vlm-newest" : ""} ${i > step ? "vlm-later" : ""}`,
      "aria-label": `word ${i + 1}: ${one.word}`, onclick: () => { step = i; draw(); } }, one.word === "<eos>" ? "end" : one.word)));
    rows.replaceChildren(...now.bars.map(([word, language, fusion, sum]) => h("tr", { class: word === now.word ? "vlm-chosen" : "" },
      h("th", { scope: "row" }, word === "<eos>" ? "end" : word), bar(language, "language"), bar(fusion, "fusion"), bar(sum, "sum"))));
    const best = (column) => now.bars.reduce((a, b) => (b[column] > a[column] ? b : a));
    const [lm, fusion] = [best(1), best(2)];
    said.textContent = `Language model ${name}, weight ${weights[at]}: “${text()}” ${right ? "✓ is all right." : `✗ The truth is “${truth[picture]}”.`} `
      + `At word ${step + 1} the language model alone would say “${lm[0]}” (${percent(lm[1])}), `
      + (weights[at] === 0 ? "the fusion has no say" : `the fusion alone “${fusion[0]}” (${percent(fusion[2])})`) + `; the sum says “${now.word}”.`;
    publish({ name, picture, weight: weights[at], step, word: now.word, caption: text(), right, said: said.textContent });
  }

  root.append(
    h("p", { class: "vlm-dim" }, "Choose a picture; walk through its caption; turn the fusion up and down."),
    h("div", { class: "vlm-choice", role: "radiogroup", "aria-label": "Pictures; arrow keys choose one" }, ...choices),
    radios("The language model below was", "vlm-lm-" + root.parentElement.id, names.map((one) => [one, one]), name, (one) => { name = one; step = Math.min(step, steps().length - 1); draw(); }),
    h("div", { class: "vlm-slider" }, h("span", { class: "vlm-label" }, "Weight of the fusion"), weightSlider, weight,
      h("span", { class: "vlm-label" }, "Word of the caption"), stepSlider, place),
    caption,
    h("table", { class: "vlm-bars" }, h("caption", { class: "vlm-sr" }, "Chances of the next word"),
      h("thead", {}, h("tr", {}, ...["next word", "LM", "fusion", "sum"].map((title) => h("th", { scope: "col" }, title)))), rows),
    said,
  );
  draw();
}
