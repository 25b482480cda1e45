/* A form for each question: choose with the arrow keys, check with Enter. Feedback comes on Check, so that moving
   through the options by keyboard gives nothing away. */

function mount(root, config, publish) {
  const outcomes = config.questions.map(() => null);
  const score = h("p", { class: "vlm-dim", role: "status" });

  function report() {
    const right = outcomes.filter((outcome) => outcome === true).length;
    score.textContent = `${right} of ${outcomes.length} answered correctly so far.`;
    publish({ outcomes });
  }

  const forms = config.questions.map((question, q) => {
    let chosen = null;
    const feedback = h("p", { class: "vlm-feedback", role: "status" });
    const choices = question.options.map((option, o) => [String(o), prose(option.text)]);
    function choose(value) {
      chosen = question.options[Number(value)];
      feedback.replaceChildren();
      feedback.className = "vlm-feedback";
    }
    function check(event) {
      event.preventDefault();
      if (chosen === null) {
        feedback.replaceChildren("Choose an option first.");
        return;
      }
      outcomes[q] = chosen.correct;
      feedback.className = `vlm-feedback ${chosen.correct ? "vlm-right" : "vlm-wrong"}`;
      feedback.replaceChildren(h("strong", {}, chosen.correct ? "✓ Right. " : "✗ Not quite. "), ...prose(chosen.feedback));
      report();
    }
    const legend = [`${q + 1}. `, ...prose(question.text)];
    return h("form", { class: "vlm-question", onsubmit: check },
      radios(legend, `${root.parentElement.id}-${q}`, choices, null, choose),
      h("button", { type: "submit", "aria-label": `Check question ${q + 1}` }, "Check"), feedback);
  });
  root.append(...forms, score);
  report();
}
