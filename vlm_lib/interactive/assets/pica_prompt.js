/* One question on its way through PICa, looked up in a recording. Nothing is computed here but widths of bars. */

function mount(root, config, publish) {
  const { cases, pictures } = config, id = root.parentElement.id;
  const names = cases[0].choices.map(([name]) => name);
  let at = 0, choice = names[names.length - 1], group = 0;

  const buttons = cases.map((one, i) => h("button", { type: "button", role: "radio", class: "vlm-case",
    "aria-label": `${one.question} (drawing ${i + 1})`, onclick: () => pick(i),
    onkeydown: (event) => { const to = arrowKeys(event, at, cases.length); if (to !== null) pick(to); } },
    h("img", { alt: "", width: 48, height: 48, src: pictures[one.drawing] })));
  const asked = h("p", { class: "vlm-asked" });
  const shots = h("div", { class: "vlm-shots" }), text = h("pre", { tabindex: 0, role: "region", "aria-label": "The prompt" });
  const answers = h("div", { class: "vlm-answers" }), said = h("p", { class: "vlm-said", role: "status" });
  const several = Math.max(...cases[0].choices.map(([, groups]) => groups.length));
  const which = radios("Prompt of the ensemble (the first has the most similar examples)", "vlm-pica-g-" + id,
    Array.from({ length: several }, (_, i) => [i, String(i + 1)]), 0, (i) => { group = i; draw(); });

  function pick(i) { at = i; draw(); buttons[i].focus(); }
  const mark = (answer) => (answer === cases[at].truth ? `“${answer}” ✓` : `“${answer}” ✗`);

  function draw() {
    const one = cases[at], groups = one.choices.find(([name]) => name === choice)[1];
    const shown = groups[Math.min(group, groups.length - 1)];
    which.hidden = groups.length === 1;
    buttons.forEach((button, i) => { button.setAttribute("aria-checked", String(i === at)); button.tabIndex = i === at ? 0 : -1; });
    asked.replaceChildren(h("b", {}, one.question), ` The drawing in words: “${one.context}”. Right: “${one.truth}”.`);
    shots.replaceChildren(...shown.examples.map((e) => h("div", { class: "vlm-shot" },
      h("img", { alt: "", width: 48, height: 48, src: pictures[e.drawing] }),
      e.context, h("br"), h("span", { class: "vlm-dim" }, e.question), h("br"), h("b", {}, e.answer))));
    text.textContent = shown.prompt;
    text.scrollTop = text.scrollHeight;
    answers.replaceChildren(
      h("div", { class: "vlm-answer vlm-dim" }, h("span", {}, "answer"), h("span", {}, "probability"), h("span", { class: "vlm-n" }, "log p"), h("span", { class: "vlm-n" }, "per token")),
      ...shown.answers.map(([answer, sum, mean]) => {
        const fill = h("span", { class: "vlm-fill" });
        fill.style.width = `${100 * Math.exp(sum)}%`;
        return h("div", { class: "vlm-answer" + (answer === one.truth ? " vlm-right-one" : "") },
          h("span", {}, answer === one.truth ? `${answer} ✓` : answer), h("span", { class: "vlm-track" }, fill),
          h("span", { class: "vlm-n" }, sum.toFixed(2)), h("span", { class: "vlm-n" }, mean.toFixed(2)));
      }));
    const best = shown.answers[0][0], vote = one.votes[choice];
    const own = `This prompt's answer: ${mark(best)}. Without the language model, ${groups.length === 1 ? "a vote of the examples' answers" : "a vote of the first prompt's examples"}: ${vote ? mark(vote) : "none of them fits the question"}.`;
    const first = groups.length === 1 ? "" : ` The ${groups.length} prompts answer `
      + groups.map((each) => `“${each.answers[0][0]}” (${each.answers[0][1].toFixed(2)})`).join(", ") + ". Together: "
      + one.kept.map(([rule, answer]) => `${rule} ${mark(answer)}`).join(", ") + ".";
    said.textContent = groups.length === 1 ? own : own.replace("This prompt's answer", `Prompt ${Math.min(group, groups.length - 1) + 1} answers`) + first;
    publish({ at, choice, group: Math.min(group, groups.length - 1), best, vote, kept: groups.length === 1 ? null : Object.fromEntries(one.kept), shots: shown.examples.length });
  }

  root.append(
    h("p", { class: "vlm-label", id: "vlm-pica-l-" + id }, "A drawing with its question"),
    h("div", { class: "vlm-cases", role: "radiogroup", "aria-labelledby": "vlm-pica-l-" + id }, ...buttons),
    asked,
    radios("Examples are chosen", "vlm-pica-" + id, names.map((name) => [name, name]), choice, (name) => { choice = name; draw(); }),
    which,
    h("p", { class: "vlm-label" }, "The examples, the most similar first"), shots,
    h("details", { open: true }, h("summary", {}, "The prompt, as the language model reads it"), text),
    h("p", { class: "vlm-label" }, "What it finds most likely after “A:”"), answers,
    said,
  );
  draw();
}
