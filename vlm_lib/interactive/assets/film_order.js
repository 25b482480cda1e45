/* A mixed-up film and a trained MERLOT's answers for every layout of its frames, looked up in a recording. Nothing is computed here. */

function mount(root, config, publish) {
  const LETTERS = ["A", "B", "C", "D"];
  let film = 0, text = "own", layout = [...config.first], seed = 7;
  const name = `vlm-film-${Math.random().toString(36).slice(2)}`;
  const strip = h("div", { class: "vlm-strip" }), lines = h("ol", { class: "vlm-lines" });
  const table = h("div"), order = h("div", { class: "vlm-strip" }), said = h("p", { class: "vlm-said", role: "status" });
  const picture = (frame, alt, size) => h("img", { alt, width: size, height: size, src: config.films[film].pictures[frame] });

  const slots = LETTERS.map((letter, place) => h("button", {
    type: "button", class: "vlm-slot",
    onclick: () => { swap(Math.min(place, 2)); slots[place].focus(); },
    onkeydown: (event) => {
      const to = event.key === "ArrowRight" ? place + 1 : event.key === "ArrowLeft" ? place - 1 : -1;
      if (to < 0 || to > 3) return;
      event.preventDefault();
      swap(Math.min(place, to));
      slots[to].focus();
    },
  }));
  strip.append(...slots);

  function swap(place) {
    [layout[place], layout[place + 1]] = [layout[place + 1], layout[place]];
    draw();
  }

  function shuffle() {
    const was = layout.join("");
    do {
      for (let i = 3; i > 0; i--) {
        seed = (seed * 48271) % 2147483647;
        const j = seed % (i + 1);
        [layout[i], layout[j]] = [layout[j], layout[i]];
      }
    } while (layout.join("") === was);
    draw();
  }

  function draw() {
    const shown = config.films[film], answer = shown.answers[text][layout.join("")];
    slots.forEach((slot, place) => {
      slot.replaceChildren(picture(layout[place], "", 72), h("span", {}, LETTERS[place]));
      slot.setAttribute("aria-label", `Frame ${LETTERS[place]}, press to exchange it with ${LETTERS[place < 3 ? place + 1 : 2]}; arrow keys move it`);
    });
    lines.replaceChildren(...shown.lines[text].map((line) => h("li", {}, line)));
    const right = (r, c) => (answer.matrix[r][c] > 500) === (layout[r] < layout[c]);
    let pairs = 0;
    for (let r = 0; r < 4; r++) for (let c = 0; c < 4; c++) if (r !== c && right(r, c)) pairs += 1;
    table.replaceChildren(matrix("Chance that the row comes before the column, in percent", LETTERS.map((letter) => [letter]), ["", ...LETTERS], (r, c) => {
      if (r === c) return { text: "", spoken: "the same frame", kind: "same" };
      const chance = (answer.matrix[r][c] / 10).toFixed(0);
      return { text: chance, spoken: `${chance} percent, ${right(r, c) ? "right" : "wrong"}`, kind: `${answer.matrix[r][c] > 500 ? "yes" : "no"} ${right(r, c) ? "" : "vlm-wrong"}` };
    }));
    const frames = answer.order.map((place) => layout[place]);
    order.replaceChildren(...answer.order.map((place, at) => h("span", { class: `vlm-slot ${frames[at] === at ? "" : "vlm-wrong"}` },
      picture(frames[at], `in place ${at + 1}: frame ${LETTERS[place]}, ${frames[at] === at ? "right" : "wrong"}`, 72),
      h("span", {}, `${frames[at] === at ? "✓" : "✗"} ${LETTERS[place]}`))));
    const places = frames.filter((frame, at) => frame === at).length;
    said.textContent = `${pairs} of the 12 entries are on the right side of one half, and ${places} of the 4 frames get their true place.`;
    publish({ film, text, layout, matrix: answer.matrix, order: answer.order, pairs, places });
  }

  const choose = radios("The film", `${name}-film`, config.films.map((one, i) => [String(i), one.name]), "0", (value) => { film = Number(value); draw(); });
  const words = radios("The narrator's lines", `${name}-text`, [["own", "this film's"], ["other", "another film's"]], "own", (value) => { text = value; draw(); });
  root.append(
    choose, words,
    h("p", { class: "vlm-label" }, "The frames as the model gets them"),
    strip,
    h("button", { type: "button", class: "vlm-shuffle", onclick: shuffle }, "Shuffle"),
    h("div", { class: "vlm-row" },
      h("div", {}, h("p", { class: "vlm-label" }, "The lines, in their true order"), lines),
      h("div", {}, h("p", { class: "vlm-label" }, "Row before column, %"), table),
      h("div", {}, h("p", { class: "vlm-label" }, "The model’s order"), order)),
    said,
  );
  draw();
}
