// The line "Report a mistake on this page" names the section that is in view when it is followed.
document.querySelector(".feedback a")?.addEventListener("pointerdown", name);
document.querySelector(".feedback a")?.addEventListener("focus", name);

function name(event) {
  const above = [...document.querySelectorAll("article section[id]")].filter((s) => s.getBoundingClientRect().top < innerHeight / 2);
  const address = new URL(event.currentTarget.href);
  const body = address.searchParams.get("body").replace(/Section:.*/, `Section: #${above.at(-1)?.id ?? ""}`);
  address.searchParams.set("body", body);
  event.currentTarget.href = address;
}
