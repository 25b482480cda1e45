/* Interleaved text and images: phi, the cross-attention mask, and what a token reaches. Mirrors vlm_lib/masks.py. */

const IMAGE = "<image>";

function analyse(text, mode, limit) {
  const typed = text.split(/\s+/).filter(Boolean);
  const tokens = typed.slice(0, limit);
  let seen = 0;
  const phi = tokens.map((token) => (seen += token === IMAGE ? 1 : 0));
  const images = Array.from({ length: seen }, (_, i) => i + 1);
  const mask = phi.map((last) => images.map((image) => (mode === "last" ? image === last : image <= last)));
  // Causal self-attention lets a token read the earlier ones, and with them every image that those attended to.
  const carriers = mask.map((row, t) => images.map((_, i) => tokens.flatMap((_, s) => (!row[i] && s < t && mask[s][i] ? [s] : []))));
  const direct = mask.map((row) => images.filter((_, i) => row[i]));
  const indirect = carriers.map((row) => images.filter((_, i) => row[i].length > 0));
  return { mode, tokens, typed: typed.length, phi, images, mask, carriers, direct, indirect };
}

const list = (words) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);
const plural = (images) => `image${images.length > 1 ? "s" : ""} ${list(images)}`;

function message(state, limit) {
  if (state.typed === 0) return "The sequence is empty: type at least one token.";
  if (state.typed > limit) return `That is ${state.typed} tokens; the figure shows the first ${limit}.`;
  if (state.images.length === 0) return "There is no <image> in the sequence, so no token attends to any image.";
  return "";
}

function explain(state, t) {
  const { tokens, phi, direct, indirect, carriers } = state;
  const who = `“${tokens[t]}” (position ${t + 1}, φ = ${phi[t]})`;
  if (phi[t] === 0) return `${who} has no image at or before it. It reaches none, and its cross-attention output is exactly zero.`;
  const parts = [`${who} attends to ${plural(direct[t])} directly, through cross-attention.`];
  if (indirect[t].length === 0) parts.push(phi[t] > 1 ? "No earlier image is left for the indirect path." : "It reaches no other image.");
  for (const image of indirect[t]) {
    const from = carriers[t][image - 1].map((s) => `“${tokens[s]}” (${s + 1})`);
    const shown = from.length > 4 ? [...from.slice(0, 3), `${from.length - 3} more tokens`] : from;
    parts.push(`It reaches image ${image} only indirectly: self-attention reads ${list(shown)}, which attended to it one step before.`);
  }
  if (phi[t] < state.images.length) parts.push(`Later images (${list(state.images.slice(phi[t]))}) stay out of reach.`);
  return parts.join(" ");
}

function mount(root, config, publish) {
  let mode = "last", selected = Infinity;
  const input = h("input", { type: "text", value: config.sequence, spellcheck: "false", autocomplete: "off", oninput: draw });
  const strip = h("div", { class: "vlm-strip", role: "radiogroup", "aria-label": "Tokens; arrow keys choose one" });
  const notice = h("p", { class: "vlm-message", role: "alert" });
  const words = h("p", { class: "vlm-words", role: "status" });
  const table = h("div");
  const modes = [["last", "last image only"], ["all", "all previous images"]];

  function select(t, focus) {
    selected = t;
    draw();
    if (focus) strip.children[t].focus();
  }

  function draw() {
    const state = analyse(input.value, mode, config.limit);
    const count = state.tokens.length;
    selected = Math.min(selected, count - 1);
    if (selected < 0) selected = Infinity;
    notice.textContent = message(state, config.limit);
    words.textContent = count ? explain(state, selected) : "";
    const carry = new Set(count ? state.carriers[selected].flat() : []);
    strip.replaceChildren(...state.tokens.map((token, t) => h("button", {
      type: "button", role: "radio", "aria-checked": String(t === selected), tabindex: t === selected ? 0 : -1,
      "aria-label": `${token}, position ${t + 1}, phi ${state.phi[t]}${carry.has(t) ? ", carries an earlier image" : ""}`,
      class: [token === IMAGE && "vlm-tag", carry.has(t) && "vlm-carrier"].filter(Boolean).join(" "),
      onclick: () => select(t, true),
      onkeydown: (event) => { const to = arrowKeys(event, selected, count); if (to !== null) select(to, true); },
    }, h("span", { class: "vlm-token" }, token), h("span", { class: "vlm-phi" }, `φ ${state.phi[t]}`))));
    table.replaceChildren(...(state.images.length ? [matrix(
      "Which token attends to which image",
      state.tokens.map((token, t) => [token, String(state.phi[t])]),
      ["token", "φ", ...state.images.map((i) => `image ${i}`)],
      (t, i) => {
        if (state.mask[t][i]) return { text: "●", spoken: "attends", kind: "direct" };
        const ring = t === selected && state.carriers[t][i].length > 0;
        return ring ? { text: "○", spoken: "reached indirectly", kind: "indirect" } : { text: "·", spoken: "no", kind: "none" };
      },
      (t) => ({ class: t === selected ? "vlm-selected" : "", onclick: () => select(t, false) }),
    )] : []));
    publish({ ...state, selected: count ? selected : null, message: notice.textContent, words: words.textContent });
  }

  root.append(
    h("label", {}, h("span", { class: "vlm-label" }, "Sequence (tokens separated by spaces, <image> marks an image)"), input),
    radios("Each token attends to", `${root.parentElement.id}-mode`, modes, mode, (value) => { mode = value; draw(); }),
    notice, strip, words, table,
    h("p", { class: "vlm-dim vlm-legend" }, ...[
      "● attends directly (cross-attention)", "○ reached indirectly by the chosen token (self-attention)", "· not reached",
    ].map((entry) => h("span", {}, entry))),
  );
  draw();
}
