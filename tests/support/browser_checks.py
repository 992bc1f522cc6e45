"""Expressions that a page is asked for in a browser."""

# Pixels that the page is wider than its window.
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"
# Every text of every shown drawing against the box of its drawing, in pixels beyond the nearest edge.
CUT = """
[...document.querySelectorAll('figure svg')].filter(svg => svg.getClientRects().length).flatMap(svg => {
  const box = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(text => text.textContent).map(text => {
    const at = text.getBoundingClientRect();
    const beyond = [box.left - at.left, at.right - box.right, box.top - at.top, at.bottom - box.bottom];
    return [Math.max(...beyond), text.textContent];
  }).filter(([beyond]) => beyond > 3);
})"""
