/* Attention masks, and what a row reaches through several layers. Mirrors vlm_lib.attention.masks and mask_explorer.py. */

const IMAGE = "<image>";
const ALLOWED = { // may position t, with phi images at or before it, attend to column c? All count from 0 but phi.
  "full": () => true,
  "causal": (t, c) => c <= t,
  "window of 2": (t, c) => c === t || c === t - 1,
  "prefix-LM": (t, c, phi, prefix) => c <= t || Math.max(t, c) < prefix,
  "last image": (t, c, phi) => c + 1 === phi,
  "all previous images": (t, c, phi) => c < phi,
};

const product = (left, right) => left.map((row) => right[0].map((_, c) => row.some((open, s) => open && right[s][c])));
const count = (matrix) => matrix.flat().filter(Boolean).length;

function analyse(text, mask, prefix, layers, limit) {
  const typed = text.split(/\s+/).filter(Boolean), tokens = typed.slice(0, limit);
  let seen = 0;
  const phi = tokens.map((token) => (seen += token === IMAGE ? 1 : 0));
  const cross = mask.includes("image");
  const columns = cross ? Array.from({ length: seen }, (_, i) => `image ${i + 1}`) : tokens;
  const build = (name, over) => tokens.map((_, t) => over.map((_, c) => ALLOWED[name](t, c, phi[t], prefix)));
  const direct = build(mask, columns), between = cross ? build("causal", tokens) : direct;
  let reached = direct;
  for (let layer = 1; layer < layers; layer++) reached = product(between, reached);
  const more = count(product(between, reached)) - count(reached);
  return { mask, cross, layers, typed: typed.length, tokens, phi, columns, direct, reached, more };
}

function message({ typed, columns }, limit) {
  if (typed === 0) return "The sequence is empty: type at least one token.";
  if (typed > limit) return `That is ${typed} tokens; the figure shows the first ${limit}.`;
  return columns.length ? "" : "There is no <image> in the sequence, so this mask has no columns.";
}

/** Columns in words: [0, 1, 2, 4] becomes "positions 1 to 3, 5". */
function named(columns, noun) {
  const runs = [];
  for (const c of columns) {
    if (runs.at(-1)?.[1] === c) runs.at(-1)[1] = c + 1;
    else runs.push([c + 1, c + 1]);
  }
  return `${noun}${columns.length > 1 ? "s" : ""} ${runs.map(([a, b]) => (a === b ? a : `${a} to ${b}`)).join(", ")}`;
}

function explain({ tokens, phi, columns, direct, reached, layers, cross }, t) {
  const pick = (test) => columns.flatMap((_, c) => (test(direct[t][c], reached[t][c]) ? [c] : []));
  const near = pick((d) => d), far = pick((d, r) => r && !d), rest = pick((d, r) => !r), noun = cross ? "image" : "position";
  const parts = [`“${tokens[t]}” (position ${t + 1}${cross ? `, φ = ${phi[t]}` : ""}) ` + (near.length
    ? `attends to ${named(near, noun)} directly.` : "has no image at or before it: its cross-attention output is zero.")];
  if (far.length) parts.push(`Within ${layers} layers it also reaches ${named(far, noun)}, through earlier tokens.`);
  else if (layers > 1) parts.push(`${layers} layers bring it nothing more.`);
  if (rest.length) parts.push(`Out of reach: ${named(rest, noun)}.`);
  return parts.join(" ");
}

function total({ direct, reached, layers, more }) {
  const share = (part) => `${count(part)} of ${part.flat().length} pairs (${Math.round(100 * count(part) / part.flat().length)}%)`;
  return `${share(direct)} directly${layers > 1 ? `, ${share(reached)} within ${layers} layers` : ""}. One more layer adds ${more || "none"}.`;
}

function mount(root, config, publish) {
  let { mask, prefix, layers } = config, selected = Infinity;
  const input = h("input", { type: "text", value: config.sequence, spellcheck: "false", autocomplete: "off", oninput: draw });
  const slider = (min, max, value, set) => h("input", { type: "range", min, max, value, oninput: (event) => { set(Number(event.target.value)); draw(); } });
  const prefixSlider = slider(0, config.limit, prefix, (value) => { prefix = value; }), prefixShown = h("span");
  const layersShown = h("span");
  const labelled = (name, shown, control) => h("label", {}, h("span", { class: "vlm-label" }, name, shown), control);
  const prefixRow = labelled("Prefix length: ", prefixShown, prefixSlider);
  const notice = h("p", { class: "vlm-message", role: "alert" });
  const words = h("p", { class: "vlm-words", role: "status" }), counts = h("p", { role: "status" }), table = h("div");

  function select(t) {
    selected = t;
    draw();
    table.querySelectorAll("button")[t].focus();
  }

  const row = (token, t) => h("button", {
    type: "button", "aria-pressed": String(t === selected), tabindex: t === selected ? 0 : -1, "aria-label": `${token}, position ${t + 1}`,
    onclick: () => select(t),
    onkeydown: (event) => { const to = arrowKeys(event, selected, table.querySelectorAll("button").length); if (to !== null) select(to); },
  }, token);

  /** The table: beside each token its phi where the columns are images. */
  function shown({ tokens, phi, cross, columns, direct, reached }) {
    const heads = tokens.map((token, t) => [row(token, t), ...(cross ? [String(phi[t])] : [])]);
    return matrix(`Mask: ${mask}`, heads, ["token", ...(cross ? ["φ"] : []), ...columns], (t, c) => (
      direct[t][c] ? { text: "●", spoken: "attends", kind: "direct" }
        : reached[t][c] ? { text: "○", spoken: "reached", kind: "indirect" } : { text: "·", spoken: "no", kind: "none" }));
  }

  function draw() {
    const state = analyse(input.value, mask, prefix, layers, config.limit);
    const { tokens } = state, some = state.columns.length > 0;
    selected = Math.min(selected, tokens.length - 1);
    if (selected < 0) selected = Infinity;
    prefixSlider.max = tokens.length;
    prefixSlider.value = prefix;
    prefixRow.hidden = mask !== "prefix-LM";
    prefixShown.textContent = prefixSlider.value;
    layersShown.textContent = layers;
    notice.textContent = message(state, config.limit);
    words.textContent = some ? explain(state, selected) : "";
    counts.textContent = some ? total(state) : "";
    table.replaceChildren(...(some ? [shown(state)] : []));
    publish({ ...state, prefix: Number(prefixSlider.value), selected, message: notice.textContent, words: words.textContent, counts: counts.textContent });
  }

  root.append(
    h("label", {}, h("span", { class: "vlm-label" }, "Sequence (tokens separated by blanks, <image> marks an image)"), input),
    radios("Mask", `${root.parentElement.id}-mask`, Object.keys(ALLOWED).map((name) => [name, name]), mask, (value) => { mask = value; draw(); }),
    prefixRow, labelled("Layers: ", layersShown, slider(1, 8, layers, (value) => { layers = value; })), notice, table,
    h("p", { class: "vlm-dim" }, "● attends directly, ○ reached from an earlier layer, · not reached"), counts, words,
  );
  draw();
}
