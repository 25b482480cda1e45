/* A prompt of pictures and words, and what trained models say next, looked up in a recording. Nothing is computed here. */

function mount(root, config, publish) {
  const models = Object.keys(config.answers), shots = Object.keys(config.games).map(Number).sort((a, b) => a - b);
  const black = config.pictures.length - 1, group = `vlm-prompt-${Math.random().toString(36).slice(2)}`;
  let model = models[0], picture = 0, question = "kind", examples = shots[0];

  const names = [...config.things.map((thing) => thing.title), "black"];
  const tasks = [["name", "What is it called?"], ["kind", "What kind?"], ["about", "What is it about?"], ["new", "A made-up word"]];
  const prompt = h("div", { class: "vlm-prompt" }), bars = h("div"), said = h("p", { class: "vlm-said", role: "status" });
  const image = (source, alt, size) => h("img", { src: source, alt, width: size, height: size });
  const playing = () => [0, 1, black].includes(picture);
  const howMany = h("input", { type: "range", min: 0, max: shots.length - 1, step: 1, value: 0, "aria-label": "Examples of each word",
    oninput: () => { examples = shots[Number(howMany.value)]; draw(); } });
  const count = h("span", { class: "vlm-n" }), slider = h("label", { class: "vlm-shots" }, h("span", { class: "vlm-label" }, "Examples of each word: ", count), howMany);

  const pick = radios("Picture", `${group}-p`, config.pictures.map((source, i) => [i, [image(source, "", 48), h("span", {}, names[i])]]), picture, (i) => { picture = i; draw(); });
  const ask = radios("Question", `${group}-q`, tasks, question, (q) => { question = q; draw(); });
  const who = radios("Model", `${group}-m`, models.map((name) => [name, name]), model, (name) => { model = name; draw(); });

  /* The right word; for a black picture there is none. */
  function right(naming) {
    if (picture === black) return null;
    return naming ? config.taught[picture] : config.things[picture][question];
  }

  function draw() {
    const naming = question === "new", shown = config.pictures[picture];
    if (naming && !playing()) {
      prompt.replaceChildren("The game is played with the first two drawings, or with a black picture: choose one of them.");
      bars.replaceChildren(); said.textContent = ""; slider.hidden = true;
      publish({ model, picture, question, examples, best: null });
      return;
    }
    slider.hidden = !naming;
    count.textContent = String(examples);
    howMany.setAttribute("aria-valuetext", `${examples} examples`);
    const lines = naming ? config.games[examples].map(([source, word]) => h("span", { class: "vlm-line" }, image(source, "example", 32), h("span", {}, `${word} .`))) : [];
    const words = naming ? "" : `: ${config.questions[question]}`;
    prompt.replaceChildren(...lines, h("span", { class: "vlm-line vlm-asked" }, image(shown, names[picture], 64), h("span", {}, `${words} `, h("b", {}, "?"))));
    const list = naming ? config.naming[model][examples][picture === black ? 2 : picture] : config.answers[model][question][picture];
    const wanted = right(naming);
    bars.replaceChildren(...list.map(([word, n]) => h("div", { class: "vlm-bar" }, h("span", { class: "vlm-word" }, word),
      h("span", { class: "vlm-track" }, h("span", { class: "vlm-fill", style: `width:${n / 10}%` })),
      h("span", { class: "vlm-n" }, `${(n / 10).toFixed(0)} %`), h("span", { class: "vlm-dim" }, word === wanted ? "right" : ""))));
    const [best, chance] = list[0];
    said.textContent = `${model}: “${best}”, ${(chance / 10).toFixed(0)} %.` + (wanted === null ? " No answer is right for a black picture."
      : best === wanted ? " That is right." : ` Right would be “${wanted}”${naming && examples === 0 ? ", which nothing in this prompt tells" : ""}.`);
    publish({ model, picture, question, examples, best, wanted, words: said.textContent });
  }

  root.append(pick, ask, who, slider, h("p", { class: "vlm-label" }, "The prompt"), prompt,
    h("p", { class: "vlm-label" }, "The next word, as the model sees it"), bars, said);
  draw();
}
