// The theme's arrows that unfold a part of the contents have no name; a screen reader gets one.
for (const summary of document.querySelectorAll(".has-children > details > summary")) {
  const link = summary.closest(".has-children").querySelector(":scope > a");
  summary.setAttribute("aria-label", `Unfold: ${link?.textContent.trim() ?? "contents"}`);
}
