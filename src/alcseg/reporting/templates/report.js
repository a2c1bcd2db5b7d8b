"use strict";
// A click on a heading sorts its table: numbers by value, words by letter, missing values last; a second click turns the order.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const descending = heading.getAttribute("aria-sort") === "ascending";
      const rows = [...table.tBodies[0].rows];
      const text = (row) => row.cells[column].textContent.trim();
      const key = (row) => (text(row) === "–" ? "–" : row.cells[column].dataset.value ?? text(row));
      rows.sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        if ((x === "–") !== (y === "–")) return x === "–" ? 1 : -1;
        const difference = x !== "" && y !== "" && !isNaN(x) && !isNaN(y) ? x - y : x.localeCompare(y);
        return descending ? -difference : difference;
      });
      table.tBodies[0].append(...rows);
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    });
  });
}
