// The theme's arrows that unfold a part of the contents have no name; a screen reader gets one.
for (const summary of document.querySelectorAll(".has-children > details > summary")) {
  const link = summary.closest(".has-children").querySelector(":scope > a");
  summary.setAttribute("aria-label", `Unfold: ${link?.textContent.trim() ?? "contents"}`);
}

// docutils calls the bibliography a list, whose entries no list may hold.
for (const list of document.querySelectorAll(".citation-list[role=list]")) list.removeAttribute("role");
