/* Caption metrics of what a reader types, by the formulas of vlm_lib.evaluation. Nothing is recorded but the example. */

const TINY = 1e-15, SMALL = 1e-9, BETA = 1.2, SIGMA = 6, MAX_N = 4;
const NUMBERS = ["none", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

const wordsOf = (text) => text.toLowerCase().match(/[^\s.,!?;:"()]+/g) || [];
const gramsOf = (words, n) => words.slice(0, Math.max(words.length - n + 1, 0)).map((_, i) => words.slice(i, i + n).join(" "));

function counted(items) {
  const counts = new Map();
  for (const item of items) counts.set(item, (counts.get(item) || 0) + 1);
  return counts;
}

/** Of each n-gram, how often the richest reference has it. */
function richest(references, n) {
  const most = new Map();
  for (const words of references)
    for (const [gram, count] of counted(gramsOf(words, n))) most.set(gram, Math.max(most.get(gram) || 0, count));
  return most;
}

function bleu(words, references) {
  const near = references.map((r) => [Math.abs(r.length - words.length), r.length]).sort((a, b) => a[0] - b[0] || a[1] - b[1])[0][1];
  const ratio = (words.length + TINY) / (near + SMALL);
  const penalty = ratio < 1 ? Math.exp(1 - 1 / ratio) : 1;
  let product = 1;
  return Array.from({ length: MAX_N }, (_, i) => {
    const most = richest(references, i + 1);
    let hits = 0;
    for (const [gram, count] of counted(gramsOf(words, i + 1))) hits += Math.min(count, most.get(gram) || 0);
    product *= (hits + TINY) / (Math.max(words.length - i, 0) + SMALL);
    return product ** (1 / (i + 1)) * penalty;
  });
}

/** The longest common subsequence, as words. */
function common(a, b) {
  const best = Array.from({ length: a.length + 1 }, () => new Array(b.length + 1).fill(0));
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++)
      best[i][j] = a[i - 1] === b[j - 1] ? best[i - 1][j - 1] + 1 : Math.max(best[i - 1][j], best[i][j - 1]);
  const kept = [];
  for (let i = a.length, j = b.length; i && j;) {
    if (a[i - 1] === b[j - 1]) { kept.unshift(a[i - 1]); i--; j--; }
    else if (best[i - 1][j] >= best[i][j - 1]) i--;
    else j--;
  }
  return kept;
}

function rougeL(words, references) {
  const lengths = references.map((r) => common(words, r).length);
  const precision = Math.max(...lengths) / Math.max(words.length, 1);
  const recall = Math.max(...lengths.map((l, i) => l / references[i].length));
  const below = recall + BETA ** 2 * precision;
  return below > 0 ? ((1 + BETA ** 2) * precision * recall) / below : 0;
}

/** CIDEr-D of one image whose corpus is itself and `others`. */
function cider(words, references, others) {
  const images = [references, ...others];
  let total = 0;
  for (let n = 1; n <= MAX_N; n++) {
    const seen = new Map();
    for (const refs of images)
      for (const gram of new Set(refs.flatMap((r) => gramsOf(r, n)))) seen.set(gram, (seen.get(gram) || 0) + 1);
    const weigh = (list) => new Map([...counted(gramsOf(list, n))].map(([gram, count]) =>
      [gram, count * (Math.log(images.length) - Math.log(Math.max(seen.get(gram) || 0, 1)))]));
    const norm = (vector) => Math.sqrt([...vector.values()].reduce((sum, x) => sum + x * x, 0));
    const mine = weigh(words), own = norm(mine);
    for (const reference of references) {
      const theirs = weigh(reference), below = own * norm(theirs);
      let product = 0;
      for (const [gram, x] of theirs) product += Math.min(mine.get(gram) || 0, x) * x;
      const gap = Math.max(words.length - 1, 0) - Math.max(reference.length - 1, 0);
      if (below > 0) total += (product / below) * Math.exp(-(gap ** 2) / (2 * SIGMA ** 2));
    }
  }
  return (10 * total) / (MAX_N * references.length);
}

const normal = (text) => text.toLowerCase().replace(/[;/[\]"{}()=+\\_\-<>@`,?!]/g, " ").replace(/\.+$/, "").split(/\s+/)
  .filter((word) => word && !["a", "an", "the"].includes(word))
  .map((word) => (NUMBERS.includes(word) ? String(Math.max(NUMBERS.indexOf(word) - 1, 0)) : word)).join(" ");

/** Each person left out in turn: min(1, how many of the others agree / 3). */
function vqaAccuracy(answer, humans) {
  const same = humans.map((human) => Number(normal(human) === normal(answer)));
  const agree = same.reduce((a, b) => a + b, 0);
  return same.reduce((sum, own) => sum + Math.min(1, (agree - own) / 3), 0) / humans.length;
}

function mount(root, config, publish) {
  let { images } = config;
  const field = h("input", { type: "text", value: config.candidate, "aria-label": "Candidate caption", oninput: () => draw(), spellcheck: "false" });
  const area = h("textarea", { rows: Math.min(config.references.length + 1, 7), "aria-label": "References, one per line", oninput: () => draw(), spellcheck: "false" });
  area.value = config.references.join("\n");
  const size = h("input", { type: "range", min: 1, max: config.others.length + 1, step: 1, value: images, "aria-label": "Images in the corpus", oninput: () => { images = Number(size.value); draw(); } });
  const howMany = h("span", { class: "vlm-n" }, "");
  const bars = h("div"), grams = h("div"), said = h("p", { class: "vlm-said", role: "status" });

  function bar(name, value, most) {
    const share = value === null ? 0 : value / most;
    return h("div", { class: "vlm-bar" }, h("span", {}, name),
      h("span", { class: "vlm-track" }, h("span", { class: "vlm-fill", style: `width:${100 * share}%` })),
      h("span", { class: "vlm-n" }, value === null ? "–" : value.toFixed(3)));
  }

  function row(words, references, n) {
    const left = richest(references, n);
    const chips = gramsOf(words, n).map((gram) => {
      const known = left.has(gram), counts = (left.get(gram) || 0) > 0;
      if (known) left.set(gram, left.get(gram) - 1);
      const kind = counts ? "vlm-hit" : known ? "vlm-spent" : "vlm-miss";
      return h("span", { class: `vlm-gram ${kind}` }, `${counts ? "✓" : known ? "↺" : "✗"} ${gram}`);
    });
    const hits = chips.filter((chip) => chip.classList.contains("vlm-hit")).length;
    return [hits, h("div", { class: "vlm-grams" }, h("b", {}, n === 1 ? "words" : `${n} words`), ...(chips.length ? chips : [h("span", { class: "vlm-dim" }, "none: too short")]))];
  }

  function draw() {
    howMany.textContent = `${images} image${images > 1 ? "s" : ""}`;
    const typed = area.value.split("\n").filter((line) => wordsOf(line).length);
    const words = wordsOf(field.value), references = typed.map(wordsOf);
    if (!references.length) {
      bars.replaceChildren();
      grams.replaceChildren();
      said.textContent = "There is no reference: nothing to compare with.";
      publish({ words, references: 0 });
      return;
    }
    const scores = bleu(words, references), rouge = rougeL(words, references);
    const consensus = cider(words, references, config.others.slice(0, images - 1).map((refs) => refs.map(wordsOf)));
    const vqa = typed.length > 1 ? vqaAccuracy(field.value, typed) : null;
    bars.replaceChildren(...scores.map((value, i) => bar(`BLEU-${i + 1}`, value, 1)), bar("ROUGE-L", rouge, 1),
      bar("CIDEr (of 10)", consensus, 10), bar("VQA accuracy", vqa, 1));
    const rows = Array.from({ length: MAX_N }, (_, i) => row(words, references, i + 1));
    grams.replaceChildren(...rows.map(([, element]) => element));
    const kept = references.map((r) => common(words, r)).sort((a, b) => b.length - a.length)[0];
    said.textContent = `${rows[0][0]} of ${words.length} words count. `
      + (kept.length ? `ROUGE-L's longest common subsequence: ${kept.join(" … ")}. ` : "No common subsequence. ")
      + (images === 1 ? "With one image in the corpus every CIDEr weight is ln 1 = 0." : "");
    publish({ words, bleu: scores, rouge, cider: consensus, vqa, images, hits: rows.map(([hits]) => hits), kept, said: said.textContent });
  }

  const examples = config.examples.map(([name, text]) =>
    h("button", { type: "button", onclick: () => { field.value = text; draw(); } }, name));
  root.append(
    h("label", {}, h("span", { class: "vlm-label" }, "Candidate, what a model said"), field),
    h("p", { class: "vlm-examples" }, h("span", {}, "Try: "), ...examples),
    h("label", {}, h("span", { class: "vlm-label" }, "References, what people said, one per line"), area),
    h("div", { class: "vlm-size" }, h("span", {}, "CIDEr’s corpus"), size, howMany),
    h("div", { class: "vlm-both" }, h("div", {}, h("p", { class: "vlm-label" }, "Scores"), bars),
      h("div", {}, h("p", { class: "vlm-label" }, "Matches (✓ counts, ↺ said too often, ✗ in no reference)"), grams)),
    said,
  );
  draw();
}
