// For people who hear or see less: Ketcher leaves some buttons without a name, and writes light
// element symbols on white. Copied as it is and run before Ketcher starts.
(() => {
  const NAMES = {
    "copy-button-dropdown-triangle": "more ways to copy",
    "save-button-dropdown-triangle": "more ways to save",
  }
  const DARK_ENOUGH = 4.5

  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\d.]+/g).slice(0, 3).map((value) => {
      const part = Number(value) / 255
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  /** The same hue, as much darker as it takes to be read on white. */
  const darkened = (colour) => {
    let channels = colour.match(/[\d.]+/g).slice(0, 3).map(Number)
    const text = () => `rgb(${channels.map(Math.round).join(", ")})`
    while (1.05 / (luminance(text()) + 0.05) < DARK_ENOUGH) channels = channels.map((value) => value * 0.92)
    return text()
  }

  const nameOf = (button) => {
    const id = button.dataset.testid || ""
    return NAMES[id] || id.replace(/[-_]+/g, " ").trim() || "sketcher tool"
  }
  const mend = () => {
    document.querySelectorAll("button").forEach((button) => {
      const named = button.textContent.trim() || button.title || button.getAttribute("aria-label")
      if (!named) button.setAttribute("aria-label", nameOf(button))
    })
    document.querySelectorAll("textarea:not([aria-label])").forEach((area) => area.setAttribute("aria-label", "clipboard of the sketcher"))
    document.querySelectorAll("button > span:not([data-mended])").forEach((symbol) => {
      if (!/^[A-Z][a-z]?$/.test(symbol.textContent)) return
      symbol.dataset.mended = ""
      symbol.style.color = darkened(getComputedStyle(symbol).color)
    })
  }

  // Looks again after Ketcher drew something, at most twice a second.
  let waiting = 0
  const look = () => {
    waiting = 0
    mend()
  }
  new MutationObserver(() => { waiting ||= setTimeout(look, 500) }).observe(document.body, { childList: true, subtree: true })
  look()
})()
