/* What frozen models say to each other about a drawing, looked up in a recording. Nothing is computed here. */

function mount(root, config, publish) {
  const { names, versions, judges, exchanges } = config, nobody = "nobody";
  let picture = 0, version = versions[0], judge = judges[0];

  const cards = config.pictures.map((source, i) => h("button", { type: "button", role: "radio", class: "vlm-drawing",
    onclick: () => choose(i),
    onkeydown: (event) => { const to = arrowKeys(event, picture, names.length); if (to !== null) choose(to); } },
    h("img", { alt: names[i], width: 64, height: 64, src: source })));
  const told = h("p", { class: "vlm-line vlm-eyes" }), written = h("ul", { class: "vlm-candidates" });
  const verdict = h("p", { class: "vlm-line vlm-eyes" });
  const said = h("p", { class: "vlm-said", role: "status" });
  const id = root.parentElement.id;

  function choose(i) { picture = i; draw(); cards[i].focus(); }

  function draw() {
    const now = exchanges[picture][versions.indexOf(version)];
    const scores = judge === nobody ? null : now.scores[judge];
    const best = scores ? scores.indexOf(Math.max(...scores)) : 0;
    cards.forEach((card, i) => { card.setAttribute("aria-checked", String(i === picture)); card.tabIndex = i === picture ? 0 : -1; });
    told.textContent = now.told;
    const low = scores ? Math.min(0, ...scores) : 0, high = scores ? Math.max(...scores, 0.01) : 1;
    written.replaceChildren(...now.candidates.map((text, i) => h("li", { class: i === best ? "vlm-chosen" : "" },
      h("span", {}, `${now.hits[i] ? "✓" : "✗"} ${text}`),
      h("span", { class: "vlm-track", "aria-hidden": "true" }, h("span", { class: "vlm-fill", style: `width:${scores ? (100 * (scores[i] - low)) / (high - low) : 0}%` })),
      h("span", { class: "vlm-n" }, scores ? scores[i].toFixed(2) : "–"))));
    verdict.textContent = scores ? `Of these I find “${now.candidates[best]}” likeliest.` : "(nobody is asked: the first text is taken)";
    const right = now.hits.filter(Boolean).length;
    said.textContent = `The drawing's name is “${names[picture]}”; the caption is “${now.candidates[best]}”, which ${now.hits[best] ? "has" : "has not"} a true word. `
      + `Of ${now.candidates.length} different texts, ${right} ${right === 1 ? "has" : "have"} one.`;
    publish({ picture, version, judge, caption: now.candidates[best], hit: now.hits[best], told: now.told, candidates: now.candidates });
  }

  root.append(
    h("div", { class: "vlm-drawings", role: "radiogroup", "aria-label": "Drawings; arrow keys choose one" }, ...cards),
    radios("First line: the eyes speak of", `vlm-told-${id}`, versions.map((one) => [one, one]), version, (one) => { version = one; draw(); }),
    h("p", { class: "vlm-who" }, "The eyes to the language model"), told,
    h("p", { class: "vlm-who" }, "The language model writes (✓ has a word that is true of the drawing)"), written,
    radios("Last line: who chooses", `vlm-judge-${id}`, [...judges, nobody].map((one) => [one, one]), judge, (one) => { judge = one; draw(); }),
    h("p", { class: "vlm-who" }, "The eyes, shown the drawing again"), verdict, said,
  );
  draw();
}
