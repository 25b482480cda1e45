/* A page is printed in light colours and with everything unfolded; afterwards it is as it was. */
(() => {
  let undo = null;

  function prepare() {
    if (undo) return;
    const root = document.documentElement, theme = root.dataset.theme;
    const folded = [...document.querySelectorAll("details:not([open])")];
    root.dataset.theme = "light";
    for (const details of folded) details.open = true;
    undo = () => {
      root.dataset.theme = theme;
      for (const details of folded) details.open = false;
      undo = null;
    };
  }

  addEventListener("beforeprint", prepare);
  addEventListener("afterprint", () => undo?.());
})();
