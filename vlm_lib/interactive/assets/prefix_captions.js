/* Captions by prefix length and treatment of the language model, looked up in a recording. Nothing is computed here. */

function mount(root, config, publish) {
  const { names, lengths, truth } = config, last = lengths.length - 1;
  let name = names[0], at = last, picture = 0;

  const slider = h("input", { type: "range", min: 0, max: last, step: 1, value: at, "aria-label": "Prefix length",
    oninput: () => { at = Number(slider.value); draw(); } });
  const length = h("span", { class: "vlm-n" });
  const cards = config.pictures.map((source, i) => h("button", { type: "button", role: "radio", class: "vlm-card-button",
    onclick: () => choose(i),
    onkeydown: (event) => { const to = arrowKeys(event, picture, truth.length); if (to !== null) choose(to); } },
    h("img", { alt: truth[i], width: 80, height: 80, src: source }), h("span", { class: "vlm-caption" }), h("small", {})));
  const vectors = h("div", { class: "vlm-vectors" });
  const fill = h("span", { class: "vlm-fill" }), mark = h("span", { class: "vlm-mark" }), guess = h("span", { class: "vlm-mark vlm-guess" });
  const value = h("span", { class: "vlm-n" });
  const said = h("p", { class: "vlm-said", role: "status" });
  const place = (share) => `${100 * share}%`;
  const percent = (share) => `${(100 * share).toFixed(0)} %`;

  function choose(i) { picture = i; draw(); cards[i].focus(); }

  function draw() {
    const setting = config.settings[name][at];
    slider.value = at;
    length.textContent = `k = ${lengths[at]}`;
    slider.setAttribute("aria-valuetext", `${lengths[at]} vectors`);
    cards.forEach((card, i) => {
      const right = setting.captions[i] === truth[i];
      card.setAttribute("aria-checked", String(i === picture));
      card.tabIndex = i === picture ? 0 : -1;
      card.querySelector(".vlm-caption").textContent = setting.captions[i];
      card.querySelector("small").textContent = right ? "✓ all right" : `✗ true: ${truth[i]}`;
      card.classList.toggle("vlm-wrong", !right);
    });
    const own = new Set(truth[picture].split(" ").filter((word) => word.length > 1));
    vectors.replaceChildren(...setting.words[picture].map((words, i) => h("span", { class: "vlm-vector" },
      h("b", {}, `p${i + 1}`), ...words.map((word, n) => h(n ? "small" : "span", { class: own.has(word) ? "vlm-hit" : "" }, word)))));
    fill.style.width = place(setting.answers);
    mark.style.left = place(config.before);
    guess.style.left = place(config.guess);
    value.textContent = percent(setting.answers);
    const right = setting.captions.filter((caption, i) => caption === truth[i]).length;
    const hits = setting.words[picture].filter((words) => own.has(words[0])).length;
    said.textContent = `Language model ${name}, ${lengths[at]} ${lengths[at] === 1 ? "vector" : "vectors"}: ${right} of ${truth.length} captions are wholly right. `
      + `Of the chosen picture's vectors, ${hits} ${hits === 1 ? "has" : "have"} a word of its true caption as nearest word. `
      + `On texts, this language model answers ${percent(setting.answers)} of the questions; before training it answered ${percent(config.before)}, guessing gives ${percent(config.guess)}.`;
    publish({ name, length: lengths[at], picture, right, hits, answers: setting.answers, captions: setting.captions });
  }

  root.append(
    radios("The language model is", "vlm-lm-" + root.parentElement.id, names.map((one) => [one, one]), name, (one) => { name = one; draw(); }),
    h("div", { class: "vlm-slider" }, h("span", { class: "vlm-label" }, "Prefix length"), slider, length),
    h("div", { class: "vlm-cards", role: "radiogroup", "aria-label": "Pictures; arrow keys choose one" }, ...cards),
    h("p", { class: "vlm-label" }, "Nearest words of each prefix vector of the chosen picture (underlined: a word of its caption)"), vectors,
    h("p", { class: "vlm-label" }, "What the language model still knows: questions about a text, answered right"),
    h("div", { class: "vlm-meter" }, h("span", { class: "vlm-track" }, fill, mark, guess), value),
    h("p", { class: "vlm-dim" }, "Line: before training. Dashes: guessing."),
    said,
  );
  draw();
}
