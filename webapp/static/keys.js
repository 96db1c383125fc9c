// Ctrl+K (or Cmd+K) goes to the search field; Escape closes what is found, or an open menu, and gives the focus back.
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    const field = document.querySelector('form[role="search"] input');
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
  }
  if (event.key === "Escape") {
    if (closeFinder()) return;
    const menu = document.querySelector("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
// Below the search field the arrow keys go through what is found: in the panel, else on the search page.
const searchForm = document.querySelector('form[role="search"]');
const finder = document.getElementById("finder");
function closeFinder() {
  if (!finder || !finder.childElementCount) return false;
  if (finder.contains(document.activeElement)) searchForm.querySelector("input").focus();
  finder.replaceChildren();
  return true;
}
document.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const field = searchForm?.querySelector("input");
  const links = [...(finder?.childElementCount ? finder : document).querySelectorAll(".found a:not(.chip)")];
  const place = links.indexOf(document.activeElement);
  if (!links.length || (place < 0 && document.activeElement !== field)) return;
  event.preventDefault();
  const next = place + (event.key === "ArrowDown" ? 1 : -1);
  (next < 0 ? field : links[Math.min(next, links.length - 1)]).focus();
});
searchForm?.addEventListener("focusout", (event) => {
  if (event.relatedTarget && !searchForm.contains(event.relatedTarget)) finder.replaceChildren();
});
// A menu closes when one clicks beside it, and so does what the search found.
document.addEventListener("click", (event) => {
  if (searchForm && !searchForm.contains(event.target)) closeFinder();
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
// A button that copies a field shows only where it can work.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    field.select();
    await navigator.clipboard.writeText(field.value);
    button.textContent = "Copied";
  });
}
