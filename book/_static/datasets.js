// The table of data sets: sorted by a column's button, filtered by kind and by words. Without this script it is the full list.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("table.sets");
  if (!table) return;
  const body = table.tBodies[0], rows = [...body.rows];
  const [search, kind] = [document.querySelector(".set-choice input"), document.querySelector(".set-choice select")];
  const status = document.querySelector(".set-choice [role=status]");

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = (kind.value && !row.classList.contains(`kind-${kind.value}`)) || !words.every((word) => text.includes(word));
    }
    status.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} shown`;
  }

  const valueOf = (row, column) => {
    const number = row.cells[column].querySelector("data");
    return number ? Number(number.value) : row.cells[column].textContent.trim().toLowerCase();
  };

  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent.trim();
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1;
      const order = [...rows].sort((a, b) => {
        const [x, y] = [valueOf(a, column), valueOf(b, column)];
        return sign * (typeof x === "number" ? x - y : x.localeCompare(y));
      });
      body.append(...order);
    });
    head.replaceChildren(button);
  });

  search.addEventListener("input", filter);
  kind.addEventListener("change", filter);
  document.querySelector(".set-choice").hidden = false;
  filter();
});
