// The theme that a person chose, before anything is drawn.
"use strict";
{
  const chosen = localStorage.getItem("lookalike.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
