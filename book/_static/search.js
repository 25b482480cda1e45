/* Under each search result, what stands around the words that were looked for. The texts are in search_texts.js. */
(() => {
  const LENGTH = 240, BEFORE = 80;
  const query = new URLSearchParams(location.search).get("q") || "";
  // The index knows stems of words, so "masks" has to find "mask": the first letters decide.
  const stems = query.toLowerCase().split(/[^\p{L}\p{N}_]+/u).filter(Boolean).map((word) => word.slice(0, Math.max(4, word.length - 2)));

  const places = (text) => stems.map((stem) => text.toLowerCase().indexOf(stem)).filter((place) => place >= 0);

  /** The text around the first word found, in the section that holds most of the words. */
  function excerpt(page, anchor) {
    const sections = (SEARCH_TEXTS[page] || []).filter(([id]) => !anchor || id === anchor).map(([, text]) => text);
    const text = sections.sort((a, b) => places(b).length - places(a).length)[0] || "";
    const start = Math.max(0, Math.min(...places(text), text.length) - BEFORE);
    const from = start && text.indexOf(" ", start) + 1;
    return (from ? "… " : "") + text.slice(from, from + LENGTH) + (from + LENGTH < text.length ? " …" : "");
  }

  /** The words looked for as marks. */
  function marked(text) {
    const words = stems.length ? text.split(new RegExp(`((?:${stems.join("|")})[\\p{L}\\p{N}_]*)`, "iu")) : [text];
    return words.map((word, i) => {
      if (i % 2 === 0) return word;
      const mark = document.createElement("mark");
      mark.textContent = word;
      return mark;
    });
  }

  new MutationObserver(() => {
    for (const result of document.querySelectorAll("#search-results li:not(:has(.context))")) {
      const [page, anchor] = result.querySelector("a").getAttribute("href").split("?")[0].split("#");
      const context = document.createElement("p");
      context.className = "context";
      context.append(...marked(excerpt(page.replace(/\.html$/, ""), anchor)));
      result.append(context);
    }
  }).observe(document.getElementById("search-results"), { childList: true, subtree: true });
})();
