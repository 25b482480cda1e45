/* Attention masks, and what a row reaches through several layers. Mirrors vlm_lib/masks.py and mask_explorer.py. */

const IMAGE = "<image>";
const ALLOWED = { // may position t attend to column c? phi counts images at or before t; image columns count from 1
  "full": () => true,
  "causal": (t, c) => c <= t,
  "prefix-LM": (t, c, phi, prefix) => c <= t || (t < prefix && c < prefix),
  "last image": (t, c, phi) => c + 1 === phi,
  "all previous images": (t, c, phi) => c + 1 <= phi,
};
const OVER_IMAGES = ["last image", "all previous images"];

const product = (left, right) => left.map((row) => right[0].map((_, c) => row.some((open, s) => open && right[s][c])));
const count = (matrix) => matrix.flat().filter(Boolean).length;

function analyse(text, mask, prefix, layers, limit) {
  const typed = text.split(/\s+/).filter(Boolean), tokens = typed.slice(0, limit);
  let seen = 0;
  const phi = tokens.map((token) => (seen += token === IMAGE ? 1 : 0));
  const cross = OVER_IMAGES.includes(mask);
  const columns = cross ? Array.from({ length: seen }, (_, i) => `image ${i + 1}`) : tokens;
  const build = (name, over) => tokens.map((_, t) => over.map((_, c) => ALLOWED[name](t, c, phi[t], prefix)));
  const direct = build(mask, columns);
  const between = cross ? build("causal", tokens) : direct;
  let reached = direct;
  for (let layer = 1; layer < layers; layer++) if (columns.length) reached = product(between, reached);
  const settled = !columns.length || count(product(between, reached)) === count(reached);
  return { mask, cross, layers, typed: typed.length, tokens, columns, phi, direct, reached, settled };
}

function message(state, limit) {
  if (state.typed === 0) return "The sequence is empty: type at least one token.";
  if (state.typed > limit) return `That is ${state.typed} tokens; the figure shows the first ${limit}.`;
  if (state.columns.length === 0) return `There is no ${IMAGE} in the sequence, so this mask has no column.`;
  return "";
}

/** Columns in words: [0, 1, 2, 4] becomes "positions 1 to 3, 5". */
function named(state, chosen) {
  const runs = [];
  for (const c of chosen) {
    if (runs.length && runs.at(-1)[1] === c) runs.at(-1)[1] = c + 1;
    else runs.push([c + 1, c + 1]);
  }
  const noun = state.cross ? "image" : "position";
  return `${noun}${chosen.length > 1 ? "s" : ""} ${runs.map(([a, b]) => (a === b ? a : `${a} to ${b}`)).join(", ")}`;
}

function explain(state, t) {
  const { direct, reached, layers, columns } = state;
  const pick = (test) => columns.map((_, c) => c).filter(test);
  const near = pick((c) => direct[t][c]), far = pick((c) => reached[t][c] && !direct[t][c]), rest = pick((c) => !reached[t][c]);
  const who = `“${state.tokens[t]}” (position ${t + 1})`;
  const parts = [near.length ? `${who} attends to ${named(state, near)} directly.` : `${who} has no image at or before it: its cross-attention output is zero.`];
  if (far.length) parts.push(`Within ${layers} layers it also reaches ${named(state, far)}, through earlier tokens.`);
  else if (layers > 1) parts.push(`${layers} layers bring it nothing more.`);
  if (rest.length) parts.push(`Out of reach: ${named(state, rest)}.`);
  return parts.join(" ");
}

const share = (part) => `${count(part)} of ${part.flat().length} pairs (${Math.round(100 * count(part) / part.flat().length)}%)`;

function mount(root, config, publish) {
  let { mask, prefix, layers } = config, selected = Infinity;
  const id = root.parentElement.id;
  const input = h("input", { type: "text", value: config.sequence, spellcheck: "false", autocomplete: "off", oninput: draw });
  const range = (min, max, value, set) => h("input", { type: "range", min, max, step: 1, value, oninput: (event) => { set(Number(event.target.value)); draw(); } });
  const prefixSlider = range(0, config.limit, prefix, (value) => { prefix = value; });
  const layerSlider = range(1, 4, layers, (value) => { layers = value; });
  const prefixShown = h("output"), layersShown = h("output");
  const prefixRow = h("label", {}, h("span", { class: "vlm-label" }, "Prefix length ", prefixShown), prefixSlider);
  const notice = h("p", { class: "vlm-message", role: "alert" });
  const words = h("p", { class: "vlm-words", role: "status" }), counts = h("p", { class: "vlm-counts", role: "status" }), table = h("div");

  function select(t, focus) {
    selected = t;
    draw();
    if (focus) table.querySelectorAll("tbody button")[t].focus();
  }

  function draw() {
    const state = analyse(input.value, mask, prefix, layers, config.limit);
    const last = state.tokens.length - 1;
    selected = last < 0 ? Infinity : Math.min(selected, last);
    notice.textContent = message(state, config.limit);
    prefixSlider.max = Math.max(last + 1, 0);
    prefixRow.hidden = mask !== "prefix-LM";
    prefixShown.textContent = String(prefix = Math.min(prefix, last + 1));
    layersShown.textContent = String(layers);
    const empty = !state.columns.length;
    words.textContent = empty ? "" : explain(state, selected);
    counts.textContent = empty ? "" : `${share(state.direct)} directly; ${share(state.reached)} within ${layers} layer${layers > 1 ? "s" : ""}.`
      + (state.settled ? " A further layer adds none." : " A further layer adds more.");
    table.replaceChildren(...(empty ? [] : [matrix(
      `Mask: ${mask}`,
      state.tokens.map((token, t) => [h("button", {
        type: "button", "aria-pressed": String(t === selected), tabindex: t === selected ? 0 : -1, "aria-label": `${token}, position ${t + 1}`,
        onclick: () => select(t, true),
        onkeydown: (event) => { const to = arrowKeys(event, selected, last + 1); if (to !== null) select(to, true); },
      }, token)]),
      ["token", ...state.columns],
      (t, c) => {
        if (state.direct[t][c]) return { text: "●", spoken: "attends", kind: "direct" };
        return state.reached[t][c] ? { text: "○", spoken: "reached indirectly", kind: "indirect" } : { text: "·", spoken: "no", kind: "none" };
      },
    )]));
    publish({ ...state, prefix, selected: empty ? null : selected, message: notice.textContent, words: words.textContent, counts: counts.textContent });
  }

  root.append(
    h("label", {}, h("span", { class: "vlm-label" }, "Sequence (tokens separated by blanks, <image> marks an image)"), input),
    radios("Mask", `${id}-mask`, Object.keys(ALLOWED).map((name) => [name, name]), mask, (value) => { mask = value; draw(); }),
    prefixRow, h("label", {}, h("span", { class: "vlm-label" }, "Layers ", layersShown), layerSlider),
    notice, table, counts, words,
    h("p", { class: "vlm-dim" }, "● attends directly   ○ reached through earlier layers only   · not reached"),
  );
  draw();
}
