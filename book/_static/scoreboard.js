// The scoreboard's filters: one verdict (a tile), one part (the list). Without this script the page is the full list.
document.addEventListener("DOMContentLoaded", () => {
  const parts = document.querySelector(".board-choice select"); // other pages show records without filters
  if (!parts) return;
  const board = parts.closest(".board");
  const tiles = [...board.querySelectorAll(".board-tiles button")];
  const status = board.querySelector(".board-choice [role=status]");
  let verdict = "";

  function show() {
    let shown = 0;
    for (const record of board.querySelectorAll(".board-record")) {
      record.hidden = verdict !== "" && !record.classList.contains("is-" + verdict);
    }
    for (const item of board.querySelectorAll(".board-item")) {
      item.hidden = !item.querySelector(".board-record:not([hidden])");
    }
    for (const part of board.querySelectorAll(".board-part")) {
      const items = [...part.querySelectorAll(".board-item")].filter((item) => !item.hidden);
      part.hidden = (parts.value && !part.classList.contains(parts.value)) || items.length === 0;
      if (!part.hidden) shown += items.length;
      for (const chapter of part.querySelectorAll(":scope > details")) {
        chapter.hidden = !chapter.querySelector(".board-item:not([hidden])");
        chapter.open = verdict === "open";
      }
    }
    for (const tile of tiles) tile.setAttribute("aria-pressed", String(tile.dataset.verdict === verdict));
    status.textContent = verdict || parts.value ? `${shown} shown` : "";
  }

  for (const tile of tiles) {
    tile.disabled = false;
    tile.addEventListener("click", () => {
      verdict = verdict === tile.dataset.verdict ? "" : tile.dataset.verdict;
      show();
    });
  }
  parts.addEventListener("change", show);
  board.querySelector(".board-choice").hidden = false;
});
