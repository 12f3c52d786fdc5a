// Ketcher puts the focus on its canvas when it starts and after many changes. In a frame that takes
// the caret out of whatever box of the page a person types in, so only a focused frame may do it.
export function keepFocusWithThePage() {
  for (const kind of [HTMLElement, SVGElement]) {
    const focus = kind.prototype.focus
    kind.prototype.focus = function (...options) {
      if (document.hasFocus()) focus.apply(this, options)
    }
  }
}
