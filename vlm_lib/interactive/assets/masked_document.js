/* A document with a span to mark; what a trained model fills in is looked up in a recording. Nothing is computed here. */

function mount(root, config, publish) {
  const { tokens, kinds } = config, last = tokens.length;
  let { start, end } = config;

  const slider = (label, min, max, get, set) => {
    const input = h("input", { type: "range", min, max, step: 1, value: get(), "aria-label": label, oninput: () => { set(Number(input.value)); draw(); } });
    return input;
  };
  const from = slider("First token of the span", 1, last, () => start + 1, (n) => { start = n - 1; end = Math.max(end, start + 1); });
  const to = slider("Last token of the span", 1, last, () => end, (n) => { end = n; start = Math.min(start, end - 1); });
  const at = h("span", { class: "vlm-n" }, ""), until = h("span", { class: "vlm-n" }, "");
  const whole = h("div", { class: "vlm-tokens" }), masked = h("div", { class: "vlm-tokens" }), filled = h("div", { class: "vlm-tokens" });
  const before = h("img", { alt: "the document's image", width: 96, height: 96 });
  const after = h("img", { alt: "the image with what was filled in", width: 96, height: 96 });
  const bars = h("div"), said = h("p", { class: "vlm-said", role: "status" });

  const token = (text, kind, more = "") => h("span", { class: `vlm-token vlm-${kind} ${more}` }, text);
  const own = (i) => token(tokens[i], kinds[i], start <= i && i < end ? "vlm-marked" : "");
  const range = (a, b) => Array.from({ length: b - a }, (_, i) => a + i);

  function click(i) {
    if (i < start) start = i;
    else if (i >= end) end = i + 1;
    else { start = i; end = i + 1; }
    draw();
  }

  function draw() {
    const span = config.spans[`${start}-${end}`];
    from.value = start + 1;
    to.value = end;
    at.textContent = String(start + 1);
    until.textContent = String(end);
    whole.replaceChildren(...range(0, last).map((i) => { const one = own(i); one.addEventListener("click", () => click(i)); return one; }));
    masked.replaceChildren(...range(0, start).map(own), token("<mask:0>", "mask"), ...range(end, last).map(own),
      token("<mask:0>", "mask"), ...range(start, end).map(own), token("<end>", "mask"));
    const wrong = span.filled.map((text, i) => text !== tokens[start + i]);
    filled.replaceChildren(...span.filled.map((text, i) => token(text, kinds[start + i], wrong[i] ? "vlm-wrong" : "")));
    before.src = config.pictures[0];
    after.src = config.pictures[span.picture];
    bars.replaceChildren(...span.bars.map(([text, n]) => h("div", { class: "vlm-bar" }, h("span", {}, text),
      h("span", { class: "vlm-track" }, h("span", { class: "vlm-fill", style: `width:${n / 10}%` })),
      h("span", { class: "vlm-n" }, `${(n / 10).toFixed(0)} %`))));
    const right = wrong.filter((no) => !no).length;
    const one = end - start === 1;
    said.textContent = (one ? `Token ${end} has left its place. ` : `Tokens ${start + 1} to ${end} have left their place. `)
      + "The model has read what stands left and right of the gap, and fills in "
      + (one ? `${right ? "the" : "another"} token ${right ? "that stood there" : "than the one that stood there"}.`
        : `${end - start} tokens, of which ${right} are those that stood there.`);
    publish({ start, end, filled: span.filled, right, words: said.textContent });
  }

  root.append(
    h("p", { class: "vlm-dim" }, "Mark a span with the two sliders, or by clicking tokens."),
    h("div", { class: "vlm-sliders" }, h("span", {}, "from"), from, at, h("span", {}, "to"), to, until),
    h("p", { class: "vlm-label" }, "The document"), whole,
    h("p", { class: "vlm-label" }, "What the model is trained on"), masked,
    h("p", { class: "vlm-label" }, "What it fills in (dashed: another token stood there)"), filled,
    h("div", { class: "vlm-pair" }, h("div", {}, before, h("small", {}, "its image")), h("div", {}, after, h("small", {}, "as filled in")),
      h("div", {}, h("p", { class: "vlm-label" }, "The first token, as the model sees it"), bars)),
    said,
  );
  draw();
}
