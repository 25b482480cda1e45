/* A small CLIP in plain JavaScript: pixels and words in, unit vectors out, as open_clip computes them, and the
   renderer of vlm_lib.data.scenes. Tests hold both to the Python that they mirror. */

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
const VALUE = Object.fromEntries([...DIGITS].map((digit, value) => [digit, value]));
const IMAGE = 64, CELL = 32, FULL = 64, STEPS = 200, LARGEST = 100, SHOWN = 6, DELAY = 120;
const PLACES = ["top left", "top right", "bottom left", "bottom right"];

/* ---- The model ---- */

/** Number i of those that stand in the text with 9 or 12 bits each, six to a character, around 2^(bits - 1). */
function whole(text, i, bits) {
  const at = i * bits, first = Math.floor(at / 6), last = VALUE[text[first + 2]] ?? 0;
  const three = 4096 * VALUE[text[first]] + 64 * VALUE[text[first + 1]] + last;
  return ((three >> (18 - at % 6 - bits)) & (2 ** bits - 1)) - 2 ** (bits - 1);
}

/** Each number times its row's factor, which is itself a whole number of units. */
function unpack({ shape, unit, bits, factors, numbers }) {
  const data = new Float32Array(shape.reduce((product, side) => product * side, 1)), row = data.length / (factors.length / 2);
  for (let i = 0; i < data.length; i++) data[i] = whole(numbers, i, bits) * whole(factors, Math.floor(i / row), 12) * unit;
  return { shape, data };
}

/** W x + b of one token. */
function linear(x, weight, bias) {
  const out = Float64Array.from(bias.data);
  for (let i = 0, k = 0; i < out.length; i++) for (let j = 0; j < x.length; j++, k++) out[i] += weight.data[k] * x[j];
  return out;
}

/** x M, for the projections, which are stored the other way round. */
function project(x, { shape: [, columns], data }) {
  const out = new Float64Array(columns);
  x.forEach((value, i) => { for (let j = 0; j < columns; j++) out[j] += value * data[i * columns + j]; });
  return out;
}

function layerNorm(x, weight, bias) {
  let mean = 0, variance = 0;
  for (const value of x) mean += value / x.length;
  for (const value of x) variance += (value - mean) ** 2 / x.length;
  return x.map((value, i) => (value - mean) / Math.sqrt(variance + 1e-5) * weight.data[i] + bias.data[i]);
}

/** GELU with the error function of Abramowitz and Stegun, 7.1.26, right to 1.5e-7. */
function gelu(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x) / Math.SQRT2);
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const erf = Math.sign(x) * (1 - series * Math.exp(-x * x / 2));
  return x * (1 + erf) / 2;
}

function softmax(logits) {
  const top = Math.max(...logits), powers = logits.map((logit) => Math.exp(logit - top));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** Pixels or feature maps [channels][size * size], zeros around them. */
function convolve(maps, size, weight, bias, stride, padding) {
  const [, channels, kernel] = weight.shape, across = (size + 2 * padding - kernel) / stride + 1 | 0;
  return Array.from(bias.data, (start, o) => {
    const out = new Float64Array(across * across).fill(start);
    for (let c = 0, k = o * channels * kernel * kernel; c < channels; c++) for (let dy = 0; dy < kernel; dy++) for (let dx = 0; dx < kernel; dx++, k++) {
      for (let y = 0; y < across; y++) for (let x = 0; x < across; x++) {
        const fromY = y * stride + dy - padding, fromX = x * stride + dx - padding;
        if (fromY >= 0 && fromY < size && fromX >= 0 && fromX < size) out[y * across + x] += weight.data[k] * maps[c][fromY * size + fromX];
      }
    }
    return out;
  });
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const add = (a, b) => a.map((value, i) => value + b[i]);
const unit = (x) => { const length = Math.sqrt(dot(x, x)); return x.map((value) => value / length); };

function buildClip({ weights, stem, heads, layers, words, context }) {
  const w = Object.fromEntries(Object.entries(weights).map(([name, packed]) => [name, unpack(packed)]));
  const norm = (x, name) => layerNorm(x, w[`${name}.weight`], w[`${name}.bias`]);
  const dense = (x, name) => linear(x, w[`${name}.weight`], w[`${name}.bias`]);
  const rowOf = ({ shape: [, width], data }, row) => Float64Array.from(data.subarray(row * width, (row + 1) * width));

  function attention(tokens, name, causal) {
    const width = tokens[0].length, size = width / heads;
    const qkv = tokens.map((x) => linear(x, w[`${name}.in_proj_weight`], w[`${name}.in_proj_bias`]));
    const part = (t, which, head) => qkv[t].subarray(which * width + head * size, which * width + (head + 1) * size);
    return tokens.map((_, t) => {
      const out = new Float64Array(width);
      for (let head = 0; head < heads; head++) {
        const seen = tokens.slice(0, causal ? t + 1 : tokens.length);
        const chances = softmax(seen.map((_, s) => dot(part(t, 0, head), part(s, 1, head)) / Math.sqrt(size)));
        chances.forEach((chance, s) => part(s, 2, head).forEach((value, i) => { out[head * size + i] += chance * value; }));
      }
      return dense(out, `${name}.out_proj`);
    });
  }

  function transformer(tokens, tower, causal) {
    for (let layer = 0; layer < layers[tower]; layer++) {
      const name = `${tower}transformer.resblocks.${layer}`;
      const mixed = attention(tokens.map((x) => norm(x, `${name}.ln_1`)), `${name}.attn`, causal);
      tokens = tokens.map((x, t) => add(x, mixed[t]));
      tokens = tokens.map((x) => add(x, dense(dense(norm(x, `${name}.ln_2`), `${name}.mlp.c_fc`).map(gelu), `${name}.mlp.c_proj`)));
    }
    return tokens;
  }

  /** pixels: 0 .. 255, [3][64 * 64]. */
  function encodeImage(pixels) {
    let maps = pixels.map((channel) => Float64Array.from(channel, (value) => value / 127.5 - 1)), size = IMAGE;
    stem.forEach(({ name, stride, padding }, i) => {
      maps = convolve(maps, size, w[`${name}.weight`], w[`${name}.bias`], stride, padding);
      if (i < stem.length - 1) maps = maps.map((map) => map.map(gelu));
      size = Math.sqrt(maps[0].length);
    });
    const patches = Array.from(maps[0], (_, t) => Float64Array.from(maps, (map) => map[t]));
    const tokens = [Float64Array.from(w["visual.class_embedding"].data), ...patches]
      .map((x, t) => norm(add(x, rowOf(w["visual.positional_embedding"], t)), "visual.ln_pre"));
    return unit(project(norm(transformer(tokens, "visual.", false)[0], "visual.ln_post"), w["visual.proj"]));
  }

  /** A causal tower's output at <eos> needs nothing that comes after it, so the padding is left out. */
  function encodeText(split) {
    const ids = [...split.map((word) => words.indexOf(word)), words.length];
    const tokens = ids.map((id, t) => add(rowOf(w["token_embedding.weight"], id), rowOf(w.positional_embedding, t)));
    return unit(project(norm(transformer(tokens, "", true)[ids.length - 1], "ln_final"), w.text_projection));
  }
  return { encodeImage, encodeText, words, context };
}

/* ---- The world ---- */

/** A fixed stream of numbers from 0 to 1 (mulberry32), so that the page is the same at every visit. */
function randoms(seed) {
  return () => {
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  };
}

/** Another jitter, background and noise for the same scene. */
function newLook(world, grain, random) {
  const [low, high] = world.background, from = Math.floor(random() * grain.length);
  const moved = () => Math.floor(random() * (2 * world.jitter + 1)) - world.jitter;
  return { jitter: PLACES.map(() => [moved(), moved()]), background: Math.fround(low + random() * (high - low)),
    grain: grain.slice(from) + grain.slice(0, from) };
}

/** The pixels of a scene, [3][64 * 64], rounded where the Python renderer rounds: single precision. */
function render(world, attributes, { jitter, background, grain }) {
  const f = Math.fround, pixels = [0, 1, 2].map(() => new Uint8ClampedArray(IMAGE * IMAGE));
  attributes.forEach(([shape, colour, size], cell) => {
    const [dy, dx] = jitter[cell], tile = shape < 0 ? null : world.tiles[shape][size];
    for (let y = 0; y < CELL; y++) for (let x = 0; x < CELL; x++) {
      const from = (y - dy + CELL) % CELL * CELL + (x - dx + CELL) % CELL, covered = tile ? VALUE[tile[from]] / FULL : 0;
      const to = ((cell >> 1) * CELL + y) * IMAGE + (cell & 1) * CELL + x;
      for (let c = 0; c < 3; c++) {
        const tint = shape < 0 ? 0 : f(world.palette[colour][c] - background), clean = f(background + f(covered * tint));
        pixels[c][to] = Math.max(0, Math.min(255, Math.floor(f(clean + VALUE[grain[c * IMAGE * IMAGE + to]] - world.noise))));
      }
    }
  });
  return pixels;
}

function show(canvas, pixels) {
  const context = canvas.getContext("2d"), shown = context.createImageData(IMAGE, IMAGE);
  for (let i = 0; i < IMAGE * IMAGE; i++) shown.data.set([pixels[0][i], pixels[1][i], pixels[2][i], 255], 4 * i);
  context.putImageData(shown, 0, 0);
}

/** A cosine to read: no minus before a zero. */
const shownCosine = (cosine, digits) => (Number(cosine.toFixed(digits)) || 0).toFixed(digits).replace("-", "−");

const nameOf = (world, [shape, colour, size]) => `${world.sizes[size]} ${world.colours[colour]} ${world.shapes[shape]}`;

/** The canonical caption of a scene: its objects in reading order, each tied to the one before. */
function trueCaption(world, attributes) {
  const filled = PLACES.map((_, cell) => cell).filter((cell) => attributes[cell][0] >= 0);
  return filled.map((cell, i) => {
    if (i === 0) return `a ${nameOf(world, attributes[cell])}`;
    const last = filled[i - 1], across = cell % 2 - last % 2;
    const relation = cell >> 1 === last >> 1 ? "left of" : ["above and right of", "above", "above and left of"][across + 1];
    return `${i > 1 ? ", which is " : ""}${relation} a ${nameOf(world, attributes[cell])}`;
  }).join(" ") + " .";
}

const split = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) || [];

/** Why a text cannot be read, or nothing. */
function trouble({ words, context }, text) {
  const read = split(text), unknown = [...new Set(read.filter((word) => !words.includes(word)))];
  if (unknown.length) return `${unknown.map((word) => `“${word}”`).join(", ")}: no word of this world's captions.`;
  if (read.length === 0) return "No words yet.";
  return read.length < context ? "" : `Too long: the model reads ${context - 1} words and signs at most.`;
}

/* ---- The figure ---- */

function explain(state) {
  const kept = state.cosines.map((cosine, i) => [cosine, i]).filter(([cosine]) => cosine !== null);
  if (kept.length === 0) return "None of the captions can be read.";
  const [cosine, best] = kept.reduce((a, b) => (b[0] > a[0] ? b : a));
  const place = state.rank === null ? "" : ` Asked by the chosen caption, your picture is number ${state.rank} of ${state.candidates}.`;
  return `Nearest: “${state.texts[best]}”, cosine ${shownCosine(cosine, 3)}; at this temperature it gets ${(100 * state.chances[best]).toFixed(1)} % among ${kept.length}.${place}`;
}

function mount(root, config, publish) {
  const { world } = config, clip = buildClip(config.model), random = randoms(1), id = root.parentElement.id;
  const texts = [...config.texts], vectors = texts.map(() => null), gallery = [];
  let attributes = config.attributes.map((each) => [...each]), look = config.look, cell = attributes.findIndex(([shape]) => shape >= 0);
  let scale = config.scale, asked = 0, image, timer;

  const canvas = h("canvas", { width: IMAGE, height: IMAGE, role: "img" });
  const cells = PLACES.map((place, i) => h("button", { type: "button", onclick: () => { cell = i; draw(); } }));
  const option = (value, label) => h("option", { value }, label);
  const menu = (label, axis, names, none) => h("label", {}, h("span", { class: "vlm-label" }, label), h("select", {
    onchange: (event) => change(axis, Number(event.target.value)) },
    ...(none ? [option(-1, "nothing")] : []), ...names.map((name, value) => option(value, name))));
  const menus = [menu("shape", 0, world.shapes, true), menu("colour", 1, world.colours), menu("size", 2, world.sizes)];
  const selects = menus.map((label) => label.querySelector("select"));
  const where = h("p", { class: "vlm-label" });

  const rows = texts.map((text, i) => {
    const input = h("input", { type: "text", value: text, list: `${id}-texts`, "aria-label": `caption ${i + 1}`, autocomplete: "off", spellcheck: "false",
      oninput: () => { clearTimeout(timer); timer = setTimeout(() => write(i, input.value), DELAY); },
      onchange: () => { clearTimeout(timer); write(i, input.value); } });
    const ask = h("input", { type: "radio", name: `${id}-ask`, value: i, checked: i === asked, "aria-label": `find the scenes nearest to caption ${i + 1}`, onchange: () => { asked = i; draw(); } });
    const fill = h("span", { class: "vlm-fill" }), number = h("span", { class: "vlm-n" }), message = h("span", { class: "vlm-message" });
    return { input, fill, number, message, row: h("div", { class: "vlm-caption" }, ask, input, h("span", { class: "vlm-track" }, fill), number, message) };
  });
  const slider = h("input", { type: "range", min: 0, max: STEPS, value: Math.round(STEPS * Math.log(scale) / Math.log(LARGEST)),
    oninput: () => { scale = LARGEST ** (slider.value / STEPS); draw(); } });
  const shownScale = h("span"), said = h("p", { role: "status", class: "vlm-words" }), heading = h("p", { class: "vlm-label" });
  const nearest = h("div", { class: "vlm-nearest" });

  function change(axis, value) {
    const empty = attributes[cell][0] < 0;
    attributes[cell] = axis === 0 && value < 0 ? [-1, -1, -1] : empty ? [0, 0, 1] : [...attributes[cell]];
    if (value >= 0) attributes[cell][axis] = value;
    if (attributes.every(([shape]) => shape < 0)) attributes[cell] = [0, 0, 1]; // a scene holds at least one object
    see();
  }

  function see() {
    const pixels = render(world, attributes, look);
    show(canvas, pixels);
    image = clip.encodeImage(pixels);
    draw();
  }

  function read(i) {
    const problem = trouble(clip, texts[i]);
    vectors[i] = problem ? null : clip.encodeText(split(texts[i]));
    rows[i].message.textContent = problem;
  }

  function write(i, text) {
    if (text === texts[i]) return;
    texts[i] = text;
    read(i);
    draw();
  }

  function drawNearest() {
    const all = [{ vector: image, attributes, canvas, yours: true }, ...gallery];
    const sorted = vectors[asked] ? all.map((each) => ({ ...each, cosine: dot(vectors[asked], each.vector) })).sort((a, b) => b.cosine - a.cosine) : [];
    nearest.replaceChildren(...sorted.slice(0, SHOWN).map((each) => {
      const copy = h("canvas", { width: IMAGE, height: IMAGE, role: "img", "aria-label": trueCaption(world, each.attributes), title: trueCaption(world, each.attributes) });
      copy.getContext("2d").drawImage(each.canvas, 0, 0);
      return h("figure", { class: each.yours ? "vlm-yours" : "" }, copy, h("span", {}, `${each.yours ? "yours " : ""}${shownCosine(each.cosine, 2)}`));
    }));
    return { rank: sorted.length ? sorted.findIndex((each) => each.yours) + 1 : null, candidates: all.length, nearest: sorted.slice(0, SHOWN).map((each) => [each.attributes, each.cosine]) };
  }

  function draw() {
    const cosines = vectors.map((vector) => (vector ? dot(image, vector) : null));
    const kept = cosines.flatMap((cosine, i) => (cosine === null ? [] : [i])), of = softmax(kept.map((i) => scale * cosines[i]));
    const chances = cosines.map((_, i) => (kept.includes(i) ? of[kept.indexOf(i)] : null));
    rows.forEach(({ fill, number }, i) => {
      fill.style.width = `${100 * (chances[i] || 0)}%`;
      number.textContent = chances[i] === null ? "" : `${shownCosine(cosines[i], 3)}  ${(100 * chances[i]).toFixed(1)} %`;
    });
    const state = { attributes, texts: [...texts], cosines, chances, scale, asked, look: { jitter: look.jitter, background: look.background }, ...drawNearest() };
    cells.forEach((button, i) => {
      button.setAttribute("aria-pressed", String(i === cell));
      button.setAttribute("aria-label", `${PLACES[i]}: ${attributes[i][0] < 0 ? "nothing" : nameOf(world, attributes[i])}`);
    });
    selects.forEach((select, axis) => { select.value = attributes[cell][0] < 0 && axis > 0 ? [0, 0, 1][axis] : attributes[cell][axis]; select.disabled = axis > 0 && attributes[cell][0] < 0; });
    where.textContent = `In the ${PLACES[cell]}`;
    canvas.setAttribute("aria-label", trueCaption(world, attributes));
    shownScale.textContent = `${(1 / scale).toPrecision(2)} (scale ${scale.toPrecision(3)})`;
    slider.setAttribute("aria-valuetext", shownScale.textContent);
    heading.textContent = `The scenes nearest to “${texts[asked]}”`;
    said.textContent = explain(state);
    publish({ ...state, words: said.textContent });
  }

  const written = [...config.texts, ...config.gallery.map((each) => trueCaption(world, each))];
  root.append(
    h("p", { class: "vlm-dim" }, "Choose a quarter of the picture and put a shape there; pick captions or write your own. The circle before a caption asks for the scenes nearest to it."),
    h("div", { class: "vlm-bench" },
      h("div", { class: "vlm-scene" }, h("div", { class: "vlm-stage" }, canvas, ...cells), where, h("div", { class: "vlm-menus" }, ...menus),
        h("p", {}, h("button", { type: "button", onclick: () => { look = newLook(world, config.look.grain, random); see(); } }, "Draw it again"), " ",
          h("button", { type: "button", onclick: () => { rows[asked].input.value = trueCaption(world, attributes); write(asked, rows[asked].input.value); } }, "Write its true caption"))),
      h("div", { class: "vlm-captions" }, h("p", { class: "vlm-dim vlm-heads" }, "cosine, softmax"), ...rows.map(({ row }) => row),
        h("label", {}, h("span", { class: "vlm-label" }, "temperature of the softmax ", shownScale), slider), said)),
    heading, nearest, h("datalist", { id: `${id}-texts` }, ...[...new Set(written)].map((text) => h("option", { value: text }))),
    h("details", {}, h("summary", {}, `The ${clip.words.length} words and signs that it was trained on`), h("p", {}, clip.words.join("  "))),
  );
  texts.forEach((_, i) => read(i));
  see();

  /* The gallery comes one picture at a time, so that the page never stands still. */
  const looks = randoms(2);
  (function readGallery() {
    if (gallery.length === config.gallery.length) { draw(); return; }
    const each = config.gallery[gallery.length], small = h("canvas", { width: IMAGE, height: IMAGE });
    const pixels = render(world, each, newLook(world, config.look.grain, looks));
    show(small, pixels);
    gallery.push({ vector: clip.encodeImage(pixels), attributes: each, canvas: small });
    setTimeout(readGallery);
  })();
}
