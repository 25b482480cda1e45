/* The softmax over a matrix of cosines, and the loss of its pairs. Mirrors vlm_lib.losses.contrastive_loss. */

const STEPS = 200, LARGEST = 100; // the slider is logarithmic: step k stands for a scale of 100^(k / 200)
const VIEWS = [["cosine", "cosine"], ["rows", "softmax of rows: image to text"], ["columns", "softmax of columns: text to image"]];
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -8], End: [0, 8] };

const transpose = (rows) => rows[0].map((_, j) => rows.map((row) => row[j]));
const combine = (f, ...matrices) => matrices[0].map((row, i) => row.map((_, j) => f(...matrices.map((m) => m[i][j]))));
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

function logSoftmax(row, scale) {
  const top = Math.max(...row), logits = row.map((cosine) => scale * (cosine - top));
  const normaliser = Math.log(sum(logits.map(Math.exp)));
  return logits.map((logit) => logit - normaliser);
}

function analyse(cosine, target, scale) {
  const byRow = (rows) => rows.map((row) => logSoftmax(row, scale)), n = cosine.length;
  const logs = [byRow(cosine), transpose(byRow(transpose(cosine)))];
  const [rows, columns] = logs.map((log) => combine(Math.exp, log));
  const [imageLoss, textLoss] = logs.map((log) => -sum(combine((t, l) => t * l, target, log).flat()) / n);
  const gradient = combine((r, c, t) => (r + c - 2 * t) / (2 * n), rows, columns, target);
  return { cosine, rows, columns, imageLoss, textLoss, loss: (imageLoss + textLoss) / 2, gradient };
}

/** A number to read: no minus before a zero. */
const minus = (value, digits) => (Number(value.toFixed(digits)) || 0).toFixed(digits).replace("-", "−");

function slope(value, digits) {
  const shown = (Number(value.toFixed(digits)) > 0 ? "+" : "") + minus(value, digits);
  return `${shown}: descent ${Number(value.toFixed(digits)) === 0 ? "hardly moves" : value > 0 ? "lowers" : "raises"} it.`;
}

function explain(config, state, i, j) {
  const image = `image ${i + 1} “${config.images[i]}”`, text = `text ${j + 1} “${config.texts[j]}”`;
  if (state.view === "cosine") {
    const cosine = state.cosine[i][j];
    return `${image} and ${text} have cosine ${minus(cosine, 3)}; times logit_scale this is a logit of ${minus(cosine * state.scale, 2)}. `
      + `The gradient of the mean loss with respect to this logit is ${slope(state.gradient[i][j], 4)}`;
  }
  const p = state[state.view][i][j], target = config.target[i][j];
  const [who, line] = state.view === "rows" ? [`${image} gives ${text}`, "row"] : [`${text} gives ${image}`, "column"];
  return `${who} probability ${p.toFixed(3)}. The target is ${Number(target.toFixed(3))}, so the gradient of this ${line}’s `
    + `loss with respect to the logit is p − target = ${slope(p - target, 3)}`;
}

function mount(root, config, publish) {
  const last = config.images.length - 1, clamp = (k) => Math.min(Math.max(k, 0), last);
  let view = "cosine", scale = config.scale, selected = [0, 0];
  // The static table serves once more: it holds the thumbnails.
  const table = root.parentElement.querySelector(".vlm-static table").cloneNode(true);
  const cells = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll("td")]);
  const slider = h("input", {
    type: "range", min: 0, max: STEPS, value: Math.round(STEPS * Math.log(scale) / Math.log(LARGEST)),
    oninput: () => { scale = LARGEST ** (slider.value / STEPS); draw(); },
  });
  const shown = h("span"), losses = h("p", { role: "status" }), words = h("p", { class: "vlm-words", role: "status" });

  function draw() {
    const state = { view, scale, selected, ...analyse(config.similarity, config.target, scale) };
    cells.forEach((row, i) => row.forEach((cell, j) => {
      const value = state[view][i][j], here = i === selected[0] && j === selected[1];
      cell.textContent = minus(value, 2);
      cell.style.setProperty("--v", Math.abs(value));
      cell.classList.toggle("vlm-minus", value < 0);
      cell.tabIndex = here ? 0 : -1;
      cell.setAttribute("aria-selected", here);
    }));
    table.caption.textContent = Object.fromEntries(VIEWS)[view];
    shown.textContent = `${scale.toPrecision(3)}, temperature ${(1 / scale).toPrecision(2)}`;
    slider.setAttribute("aria-valuetext", shown.textContent);
    losses.textContent = `Loss: image to text ${state.imageLoss.toFixed(3)}, text to image ${state.textLoss.toFixed(3)}, `
      + `mean ${state.loss.toFixed(3)}. Guessing costs ${Math.log(last + 1).toFixed(3)}.`;
    words.textContent = explain(config, state, ...selected).replace(/^./, (letter) => letter.toUpperCase());
    publish({ ...state, words: words.textContent });
  }

  table.setAttribute("role", "grid");
  table.addEventListener("keydown", (event) => {
    const [down, right] = MOVES[event.key] || [];
    if (down === undefined) return;
    event.preventDefault();
    cells[clamp(selected[0] + down)][clamp(selected[1] + right)].focus();
  });
  cells.forEach((row, i) => row.forEach((cell, j) => cell.addEventListener("focus", () => { selected = [i, j]; draw(); })));
  root.append(
    h("label", {}, h("span", { class: "vlm-label" }, "logit_scale ", shown), slider),
    radios("Show", `${root.parentElement.id}-view`, VIEWS, view, (value) => { view = value; draw(); }),
    h("div", { class: "vlm-scroll" }, table), losses, words,
  );
  draw();
}
