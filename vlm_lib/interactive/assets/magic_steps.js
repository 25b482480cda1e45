/* MAGiC's candidates, re-ranked from recorded terms: probability, penalty, cosine. Only the weighing is done here. */

function mount(root, config, publish) {
  const { drawings } = config, SHOWN = 8;
  const knobs = {
    alpha: { label: "α, weight of the penalty on repetition", max: 1, step: 0.05 },
    beta: { label: "β, weight of CLIP", max: 4, step: 0.1 },
    scale: { label: "scale of CLIP's cosine (1 / temperature)", max: 60, step: 1 },
  };
  const at = { ...config.recorded };
  let picture = 0, step = 0;

  const cards = drawings.map((drawing, i) => h("button", { type: "button", role: "radio", "aria-label": drawing.name,
    onclick: () => choose(i), onkeydown: (event) => { const to = arrowKeys(event, picture, drawings.length); if (to !== null) choose(to); } },
    h("img", { alt: drawing.name, width: 64, height: 64, src: drawing.source })));
  const sliders = Object.entries(knobs).map(([name, { label, max, step: by }]) => {
    const value = h("span", { class: "vlm-n" });
    const input = h("input", { type: "range", min: 0, max, step: by, value: at[name], "aria-label": label,
      oninput: () => { at[name] = Number(input.value); draw(); } });
    return { name, input, value, row: h("div", { class: "vlm-slider" }, h("span", {}, label), input, value) };
  });
  const reset = h("button", { type: "button", onclick: () => { Object.assign(at, config.recorded); draw(); } }, "as recorded");
  const words = h("div", { class: "vlm-words", role: "radiogroup", "aria-label": "Steps; arrow keys choose one" });
  const bars = h("div", { class: "vlm-bars" });
  const said = h("p", { class: "vlm-said", role: "status" });

  function choose(i) { picture = i; step = 0; draw(); cards[i].focus(); }
  function go(to) { step = to; draw(); words.children[to].focus(); }

  /** The three weighted terms of every candidate of a step, and their sum, the best first. */
  function ranked({ candidates, confidence, penalty, cosine }) {
    const top = Math.max(...cosine.map((c) => at.scale * c));
    const powers = cosine.map((c) => Math.exp(at.scale * c - top));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return candidates.map((word, i) => {
      const terms = [(1 - at.alpha) * confidence[i], at.beta * powers[i] / total, -at.alpha * penalty[i]];
      return { i, word, terms, score: terms[0] + terms[1] + terms[2] };
    }).sort((a, b) => b.score - a.score || a.i - b.i);
  }
  const show = (word) => (word === "\n" ? "(end)" : word.trim() === "" ? "(space)" : word.trim());

  function draw() {
    const drawing = drawings[picture], order = drawing.steps.map(ranked), now = drawing.steps[step];
    const winners = order.map((list) => list[0].i);
    const first = winners.findIndex((winner, t) => winner !== drawing.steps[t].chosen);
    cards.forEach((card, i) => { card.setAttribute("aria-checked", String(i === picture)); card.tabIndex = i === picture ? 0 : -1; });
    sliders.forEach(({ name, input, value }) => {
      input.value = at[name];
      value.textContent = at[name].toFixed(name === "scale" ? 1 : 2);
      input.setAttribute("aria-valuetext", value.textContent);
    });
    words.replaceChildren(...drawing.steps.map((one, t) => {
      const other = winners[t] !== one.chosen;
      return h("button", { type: "button", role: "radio", "aria-checked": String(t === step), tabindex: t === step ? 0 : -1,
        class: "vlm-word" + (other ? " vlm-other" : ""), onclick: () => go(t),
        onkeydown: (event) => { const to = arrowKeys(event, step, drawing.steps.length); if (to !== null) go(to); } },
        show(one.candidates[winners[t]]), other ? h("small", {}, `recorded: ${show(one.candidates[one.chosen])}`) : "");
    }));
    const shown = order[step].slice(0, SHOWN);
    const most = Math.max(...shown.flatMap(({ terms }) => terms.map(Math.abs)), 0.01);
    bars.replaceChildren(...shown.map(({ i, word, terms, score }) => h("div", { class: "vlm-bar" + (i === now.chosen ? " vlm-own" : "") },
      h("span", {}, show(word)),
      h("span", { class: "vlm-three" }, ...["text", "image", "minus"].map((kind, n) => {
        const bar = h("span", { class: `vlm-fill vlm-${kind}` });
        bar.style.width = `${100 * Math.abs(terms[n]) / most}%`;
        return bar;
      })),
      h("span", { class: "vlm-n", title: `${terms.map((term) => term.toFixed(3)).join(", ")}` }, score.toFixed(3)))));
    const best = order[step][0];
    said.textContent = `Step ${step + 1} of ${drawing.steps.length}: "${show(best.word)}" wins with ${best.score.toFixed(3)} = `
      + `${best.terms[0].toFixed(3)} (language model) + ${best.terms[1].toFixed(3)} (CLIP) − ${Math.abs(best.terms[2]).toFixed(3)} (penalty). `
      + (first < 0 ? "At every step the recorded choice wins." : `At step ${first + 1} another candidate would have won; what follows it was recorded behind the old one.`);
    publish({ picture, step, ...at, winners, best: best.word, score: best.score, first });
  }

  root.append(
    h("div", { class: "vlm-choice", role: "radiogroup", "aria-label": "Drawings; arrow keys choose one" }, ...cards),
    ...sliders.map(({ row }) => row), reset,
    h("p", { class: "vlm-label" }, "The text, a step per button"), words,
    h("p", { class: "vlm-label" }, `The best ${SHOWN} of ${config.k} candidates at this step, with their score`),
    h("p", { class: "vlm-key vlm-dim" }, h("i", { class: "vlm-text" }), "language model ", h("i", { class: "vlm-image" }), "CLIP ", h("i", { class: "vlm-minus" }), "penalty, taken off"),
    bars, said,
  );
  draw();
}
