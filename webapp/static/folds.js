// Parts of a long page fold: <details open data-fold>. All are open without this script, on wide screens, in print and
// wherever an address leads into one; a phone starts with them closed, under their headings.
(() => {
  const folds = () => [...document.querySelectorAll("details[data-fold]")];
  const opener = document.querySelector("[data-unfold]");
  const openAll = () => folds().forEach((fold) => (fold.open = true));
  const note = () => { if (opener) opener.hidden = folds().every((fold) => fold.open); };
  const named = (id) => { try { return id && document.getElementById(decodeURIComponent(id)); } catch { return null; } }; // an address may hold anything
  const reveal = (id) => {
    const target = named(id);
    if (!target) return;
    const around = folds().filter((fold) => !fold.open && (fold.contains(target) || fold.parentElement === target));
    for (const fold of around) fold.open = true;
    if (around.length) target.scrollIntoView();
  };
  const narrow = matchMedia("(max-width: 44rem)");
  if (narrow.matches) for (const fold of folds()) fold.open = false;
  document.addEventListener("part:loaded", (event) => {
    if (narrow.matches) for (const fold of event.target.querySelectorAll("details[data-fold]")) if (fold.parentElement !== event.target) fold.open = false;
    const target = named(location.hash.slice(1));
    if (target && event.target.contains(target)) reveal(location.hash.slice(1)); // the place that the address leads to has come
    note();
  });
  reveal(location.hash.slice(1));
  note();
  document.addEventListener("toggle", note, true);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link) reveal(link.getAttribute("href").slice(1));
    if (event.target.closest("[data-unfold]")) openAll();
  });
  addEventListener("beforeprint", openAll);
})();
