/* Two gates over one number. The curves are models.srau.gates, computed here; units, losses and captions are looked up. */

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 34, WIDTH = 360, SPAN = 5; // the plot's left edge, its width, and how far the number goes to either side

function s(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Image gate, text gate and their slopes at one number. */
function gatesAt(number, tau, formula) {
  const share = 1 / (1 + Math.exp(-number)), slope = share * (1 - share);
  const up = share > tau, down = 1 - share > tau;
  let high = [up ? share : 0, up ? slope : 0], low = [down ? 1 - share : 0, down ? -slope : 0];
  if (formula === "normalized" && up !== down) { high = [up ? 1 : 0, 0]; low = [down ? 1 : 0, 0]; }
  const [image, text] = formula === "learned" ? [low, high] : [high, low];
  return { image: image[0], text: text[0], imageSlope: image[1], textSlope: text[1] };
}

function mount(root, config, publish) {
  const names = config.models.map((one) => one.name), last = config.taus.length - 1;
  let name = names[0], at = config.start, number = -2;
  const x = (value) => LEFT + WIDTH * (value + SPAN) / (2 * SPAN);

  /** A panel with axes; draw(curves, regions) fills it. */
  function panel(label, height, low, high, ticks) {
    const y = (value) => 8 + height * (high - value) / (high - low);
    const body = s("g", {}), svg = s("svg", { viewBox: `0 0 ${LEFT + WIDTH + 8} ${height + 30}`, role: "img", "aria-label": label });
    svg.append(
      ...ticks.flatMap((tick) => [
        s("line", { x1: LEFT, x2: LEFT + WIDTH, y1: y(tick), y2: y(tick), class: "vlm-grid" }),
        s("text", { x: LEFT - 4, y: y(tick) + 4, "text-anchor": "end" }, String(tick))]),
      ...[-4, -2, 0, 2, 4].map((tick) => s("text", { x: x(tick), y: height + 24, "text-anchor": "middle" }, String(tick).replace("-", "−"))),
      body);
    const curve = (valueOf, kind) => {
      const parts = [[]];
      let before = null;
      for (let step = 0; step <= 400; step++) {
        const here = -SPAN + 2 * SPAN * step / 400, value = valueOf(here);
        if (before !== null && Math.abs(value - before) > (high - low) / 40) parts.push([]); // a jump: the pen is lifted
        parts.at(-1).push(`${x(here).toFixed(1)},${y(value).toFixed(1)}`);
        before = value;
      }
      return parts.map((points) => s("polyline", { points: points.join(" "), class: `vlm-curve vlm-${kind}` }));
    };
    const dot = (value, kind) => s("circle", { cx: x(number), cy: y(value), r: 5, class: `vlm-dot vlm-${kind}` });
    const draw = (image, text) => {
      body.replaceChildren(
        s("line", { x1: x(number), x2: x(number), y1: 8, y2: 8 + height, class: "vlm-here" }),
        ...curve(text, "text"), ...curve(image, "image"), dot(text(number), "text"), dot(image(number), "image"));
    };
    return { svg, draw };
  }

  const upper = panel("Both gates over the number", 130, 0, 1, [0, 0.5, 1]);
  const lower = panel("The slope of both gates over the number", 90, -0.3, 0.3, [-0.25, 0, 0.25]);
  const tauSlider = h("input", { type: "range", min: 0, max: last, step: 1, value: at, "aria-label": "Threshold",
    oninput: () => { at = Number(tauSlider.value); draw(); } });
  const numberSlider = h("input", { type: "range", min: -SPAN, max: SPAN, step: 0.1, value: number, "aria-label": "Number of one unit",
    oninput: () => { number = Number(numberSlider.value); draw(); } });
  const tauShown = h("span", { class: "vlm-n" }), numberShown = h("span", { class: "vlm-n" });
  const unit = h("p", { class: "vlm-unit", role: "status" });
  const bars = h("div", { class: "vlm-blocks" }), said = h("p", {}), cards = h("div", { class: "vlm-cards" });
  const signed = (value, digits) => value.toFixed(digits).replace("-", "−");

  function draw() {
    const tau = config.taus[at], model = config.models.find((one) => one.name === name), setting = model.settings[at];
    tauShown.textContent = tau.toFixed(2);
    tauSlider.setAttribute("aria-valuetext", tau.toFixed(2));
    numberShown.textContent = signed(number, 1);
    const gates = gatesAt(number, tau, model.formula);
    upper.draw((v) => gatesAt(v, tau, model.formula).image, (v) => gatesAt(v, tau, model.formula).text);
    lower.draw((v) => gatesAt(v, tau, model.formula).imageSlope, (v) => gatesAt(v, tau, model.formula).textSlope);
    const open = gates.image > 0 && gates.text > 0 ? "takes both" : gates.image > 0 ? "takes the image only"
      : gates.text > 0 ? "takes the text only" : "takes neither: its state is erased";
    const slopes = Math.abs(gates.imageSlope) + Math.abs(gates.textSlope);
    unit.textContent = `A unit at ${signed(number, 1)} ${open} (image gate ${gates.image.toFixed(2)}, text gate ${gates.text.toFixed(2)}). `
      + (slopes > 0 ? "At least one gate still has a slope, so a gradient through the gates reaches the number."
        : "No gate has a slope: no gradient reaches the number through the gates.");
    bars.replaceChildren(...setting.shares.map((shares, block) => h("div", { class: "vlm-block" },
      h("span", { class: "vlm-name" }, `block ${block + 1}`),
      h("div", { class: "vlm-stack", role: "img", "aria-label": config.kinds.map((kind, i) => `${kind} ${(100 * shares[i]).toFixed(0)} %`).join(", ") },
        ...shares.map((share, i) => h("span", { class: `vlm-part vlm-kind-${i}`, style: `width:${100 * share}%` }))),
      h("span", { class: "vlm-counts" }, ...config.kinds.map((kind, i) => h("span", { class: "vlm-count" },
        h("i", { class: `vlm-kind-${i}`, "aria-hidden": "true" }), `${kind} ${(100 * shares[i]).toFixed(0)} %`))))));
    said.textContent = `Its captions cost ${setting.nats.toFixed(2)} nats per token at this threshold; it was trained with ${model.own.toFixed(2)}.`;
    cards.replaceChildren(...config.pictures.map((source, i) => h("div", { class: "vlm-picture" },
      h("img", { alt: config.truth[i], width: 72, height: 72, src: source }),
      h("span", {}, setting.captions[i] || "(nothing)"),
      h("small", { class: "vlm-dim" }, setting.captions[i] === config.truth[i] ? "✓ all right" : `✗ true: ${config.truth[i]}`))));
    publish({ name, tau, number, ...gates, open, slopes, shares: setting.shares, nats: setting.nats, captions: setting.captions });
  }

  root.append(
    radios("Gates", `${root.parentElement.id}-gates`, names.map((one) => [one, one]), name, (one) => { name = one; draw(); }),
    h("div", { class: "vlm-sliders" },
      h("span", { class: "vlm-label" }, "Threshold τ"), tauSlider, tauShown,
      h("span", { class: "vlm-label" }, "One unit's number"), numberSlider, numberShown),
    h("div", { class: "vlm-plots" },
      h("div", {}, h("p", { class: "vlm-label" }, "The gates (", h("b", { class: "vlm-blue" }, "image"), ", ", h("b", { class: "vlm-orange" }, "text"), ")"), upper.svg),
      h("div", {}, h("p", { class: "vlm-label" }, "Their slopes: what a gradient is multiplied with"), lower.svg)),
    unit,
    h("p", { class: "vlm-label" }, "Units of the trained model, over test captions"), bars, said, cards,
  );
  draw();
}
