/* The softmax over a matrix of cosines, and the loss of its pairs. Mirrors vlm_lib.losses.contrastive_loss. */

const STEPS = 200, LARGEST = 100; // the slider is logarithmic: step k stands for 100^(k / 200)

const transpose = (rows) => rows[0].map((_, j) => rows.map((row) => row[j]));
const combine = (f, ...matrices) => matrices[0].map((row, i) => row.map((_, j) => f(...matrices.map((m) => m[i][j]))));

function logSoftmax(row, scale) {
  const top = Math.max(...row);
  const shifted = row.map((cosine) => scale * (cosine - top));
  const log = Math.log(shifted.reduce((sum, logit) => sum + Math.exp(logit), 0));
  return shifted.map((logit) => logit - log);
}

function analyse(similarity, target, scale) {
  const rows = similarity.map((row) => logSoftmax(row, scale));
  const columns = transpose(transpose(similarity).map((column) => logSoftmax(column, scale)));
  const n = similarity.length;
  const loss = (log) => -combine((t, l) => t * l, target, log).flat().reduce((sum, term) => sum + term) / n;
  return {
    cosine: similarity, rows: combine(Math.exp, rows), columns: combine(Math.exp, columns),
    imageLoss: loss(rows), textLoss: loss(columns), loss: (loss(rows) + loss(columns)) / 2,
    gradient: combine((r, c, t) => (Math.exp(r) + Math.exp(c) - 2 * t) / (2 * n), rows, columns, target),
  };
}

const signed = (value, digits = 3) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);
const plain = (value, digits) => value.toFixed(digits).replace("-", "−");

function explain(config, state, i, j) {
  const image = `image ${i + 1} “${config.images[i]}”`, text = `text ${j + 1} “${config.texts[j]}”`;
  const t = config.target[i][j];
  const move = (slope) => (Math.abs(slope) < 5e-4 ? "descent hardly moves it" : `descent ${slope > 0 ? "lowers" : "raises"} it`);
  if (state.view === "cosine") {
    const cosine = state.cosine[i][j], slope = state.gradient[i][j];
    return `The cosine of ${image} and ${text} is ${plain(cosine, 3)}; times logit_scale it is a logit of ${plain(cosine * state.scale, 2)}. `
      + `The gradient of the mean loss in this logit is ${signed(slope, 4)}: ${move(slope)}.`;
  }
  const p = state[state.view][i][j];
  const [who, whom, line] = state.view === "rows" ? [image, text, "row"] : [text, image, "column"];
  return `${who[0].toUpperCase()}${who.slice(1)} gives ${whom} probability ${p.toFixed(3)}. Its target is ${Number(t.toFixed(3))}, so the gradient of `
    + `this ${line}’s loss in the logit is p − target = ${signed(p - t)}: ${move(p - t)}.`;
}

function mount(root, config, publish) {
  const n = config.images.length, id = root.parentElement.id;
  let view = "cosine", scale = config.scale, chosen = [0, 0];
  const table = root.parentElement.querySelector(".vlm-static table").cloneNode(true);
  const cells = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll("td")]);
  const slider = h("input", {
    type: "range", min: 0, max: STEPS, step: 1, value: Math.round(STEPS * Math.log(scale) / Math.log(LARGEST)),
    oninput: () => { scale = LARGEST ** (slider.value / STEPS); draw(); },
  });
  const shown = h("output"), losses = h("p", { role: "status" }), words = h("p", { class: "vlm-words", role: "status" });

  function choose(i, j) {
    chosen = [i, j];
    draw();
  }

  function walk(event) {
    const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -n], End: [0, n] }[event.key] || [];
    if (down === undefined) return;
    event.preventDefault();
    const [i, j] = [chosen[0] + down, chosen[1] + right].map((k) => Math.min(Math.max(k, 0), n - 1));
    cells[i][j].focus();
  }

  function draw() {
    const state = { view, scale, chosen, ...analyse(config.similarity, config.target, scale) };
    cells.forEach((row, i) => row.forEach((cell, j) => {
      const value = state[view][i][j], here = i === chosen[0] && j === chosen[1];
      cell.textContent = plain(value, 2);
      cell.style.setProperty("--v", Math.abs(value));
      cell.classList.toggle("vlm-minus", value < 0);
      cell.tabIndex = here ? 0 : -1;
      cell.setAttribute("aria-selected", here);
    }));
    shown.textContent = `${scale.toPrecision(3)}, temperature ${(1 / scale).toPrecision(2)}`;
    slider.setAttribute("aria-valuetext", shown.textContent);
    losses.textContent = `Loss: image to text ${state.imageLoss.toFixed(3)}, text to image ${state.textLoss.toFixed(3)}, mean ${state.loss.toFixed(3)}.`;
    words.textContent = explain(config, state, ...chosen);
    publish({ ...state, words: words.textContent });
  }

  table.setAttribute("role", "grid");
  table.addEventListener("keydown", walk);
  cells.forEach((row, i) => row.forEach((cell, j) => cell.addEventListener("focus", () => choose(i, j))));
  root.append(
    h("label", {}, h("span", { class: "vlm-label" }, "logit_scale ", shown), slider),
    radios("Show", `${id}-view`, [["cosine", "cosine"], ["rows", "rows: image to text"], ["columns", "columns: text to image"]], view,
      (value) => { view = value; draw(); }),
    h("div", { class: "vlm-scroll" }, table), losses, words,
  );
  draw();
}
