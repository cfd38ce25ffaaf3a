// Before the first paint, so that nobody who chose the dark is dazzled: the choice of last time.
try {
  const theme = localStorage.getItem("mulgam.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is refused: the system's choice counts.
}
