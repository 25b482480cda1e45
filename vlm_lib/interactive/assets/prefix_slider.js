/* A prefix of changing length. Predictions are looked up in a recording; only the mask is computed here, as attention.prefix_lm_mask does. */

const sees = (row, column, prefix) => column <= row || (row < prefix && column < prefix);

function mount(root, config, publish) {
  let example = 0, kept = config.words, row = null;
  const range = (n) => Array.from({ length: n }, (_, i) => i);
  const slider = h("input", { type: "range", min: 1, step: 1, "aria-label": "Words in the prefix", oninput: () => { kept = Number(slider.value); draw(); } });
  const rowSlider = h("input", { type: "range", min: 1, step: 1, "aria-label": "Token whose row is marked", oninput: () => { row = Number(rowSlider.value) - 1; draw(); } });
  const shown = h("span", { class: "vlm-n" }), rowShown = h("span", { class: "vlm-n" });
  const picture = h("img", { alt: "the picture", width: 96, height: 96 });
  const tokens = h("div", { class: "vlm-tokens" }), grid = h("div", { class: "vlm-mask", "aria-hidden": "true" });
  const words = h("p", { class: "vlm-words", role: "status" }), bars = h("div"), goes = h("p", { class: "vlm-goes" });

  function draw() {
    const { image_tokens: images, words: text, lengths, picture: source } = config.examples[example];
    const names = [...range(images).map((i) => `patch ${i + 1}`), ...text], total = names.length;
    kept = Math.min(kept, text.length - 1);
    const prefix = images + kept, told = lengths[kept - 1];
    if (row === null || row >= total) row = prefix - 1;
    slider.max = text.length - 1;
    slider.value = kept;
    rowSlider.max = total;
    rowSlider.value = row + 1;
    shown.textContent = String(kept);
    rowShown.textContent = names[row];
    picture.src = source;
    tokens.replaceChildren(...names.map((name, i) => {
      const one = h("span", { class: `vlm-token vlm-${i < images ? "image" : "word"}${i < prefix ? " vlm-in" : ""}${i === row ? " vlm-row" : ""}` }, i < images ? String(i + 1) : name);
      one.addEventListener("click", () => { row = i; draw(); });
      return one;
    }));
    grid.style.gridTemplateColumns = `5em repeat(${total}, minmax(8px, 16px))`;
    grid.replaceChildren(...names.flatMap((name, r) => [
      h("span", { class: `vlm-name${r === row ? " vlm-row" : ""}` }, name),
      ...range(total).map((c) => h("i", { class: `${sees(r, c, prefix) ? (c > r ? "vlm-ahead" : "vlm-back") : "vlm-shut"}${r === row ? " vlm-row" : ""}` })),
    ]));
    const seen = range(total).filter((c) => sees(row, c, prefix)).length, ahead = range(total).filter((c) => c > row && sees(row, c, prefix)).length;
    words.textContent = `“${names[row]}” stands ${row < prefix ? "in the prefix" : "after the prefix"} and sees ${seen} of ${total} tokens, ${ahead} of them ahead of it. `
      + `Prefix: ${images} patches and ${kept} ${kept === 1 ? "word" : "words"}; ${text.length - kept} left to predict.`;
    const right = told.said.filter((word, i) => word === text[kept + i]).length;
    bars.replaceChildren(...told.said.map((word, i) => h("div", { class: "vlm-bar" },
      h("span", {}, text[kept + i]),
      h("span", { class: "vlm-track" }, h("span", { class: "vlm-fill", style: `width:${told.chance[i] / 10}%` })),
      h("span", { class: "vlm-n" }, `${(told.chance[i] / 10).toFixed(0)} %`),
      h("span", { class: word === text[kept + i] ? "" : "vlm-wrong" }, word === text[kept + i] ? "" : `says ${word}`))));
    goes.replaceChildren(h("b", {}, "Left alone it goes on: "), told.goes_on.join(" "));
    publish({ example, kept, row, prefix, total, seen, ahead, right, goes_on: told.goes_on, words: words.textContent });
  }

  root.append(
    radios("Picture", `${root.parentElement.id}-picture`, config.examples.map((_, i) => [i, `picture ${i + 1}`]), 0, (i) => { example = i; row = null; draw(); }),
    h("div", { class: "vlm-pair" }, picture, h("div", {}, h("p", { class: "vlm-label" }, "The sequence (thick outline: prefix)"), tokens)),
    h("div", { class: "vlm-sliders" }, h("span", {}, "words in the prefix"), slider, shown, h("span", {}, "row to look at"), rowSlider, rowShown),
    h("div", { class: "vlm-two" },
      h("div", {}, h("p", { class: "vlm-label" }, "Who sees whom: a row sees its filled columns"), grid,
        h("p", { class: "vlm-dim" }, "filled: itself and before; striped: ahead of it, within the prefix")),
      h("div", {}, h("p", { class: "vlm-label" }, "What the model gives the true words"), bars)),
    words, goes,
  );
  draw();
}
