"""Reflow at 400 % zoom: a window of 1280 x 1024 pixels shows 320 x 256 CSS pixels (WCAG 1.4.10)."""

from playwright.sync_api import Page

WIDTH, HEIGHT, SCALE = 320, 256, 4
_MOST_COVERED = 0.5  # of the height by what stays in place
_PHONE = 360
_SCROLLED = """() => {
  scrollTo(0, document.body.scrollHeight / 2);
  const stays = each => ["sticky", "fixed"].includes(getComputedStyle(each).position);
  const covered = y => {
    for (let each = document.elementFromPoint(innerWidth / 2, y); each; each = each.parentElement) {
      if (each.matches("thead th")) return false;
      if (stays(each)) return true;
    }
    return false;
  };
  const rows = Array.from({ length: 32 }, (_, row) => (row + 0.5) * innerHeight / 32);
  const share = rows.filter(covered).length / rows.length;
  scrollTo(0, 0);
  return [document.documentElement.scrollWidth, share];
}"""


def faults_when_zoomed(page: Page) -> list[str]:
    """Return what keeps a page from being used at 400 % zoom, or on a phone of 360 pixels."""
    usual = page.viewport_size
    session = page.context.new_cdp_session(page)
    found = []
    for name, width, height, scale in (
        ("at 400 %", WIDTH, HEIGHT, SCALE),
        ("on a phone", _PHONE, 640, 2),
    ):
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        session.send("Emulation.setDeviceMetricsOverride", metrics)
        wide, covered = page.evaluate(_SCROLLED)
        if wide > width:
            found.append(f"{name} it is {wide} pixels wide")
        if covered > _MOST_COVERED:
            found.append(f"{name} {covered:.0%} of the height is covered by what stays in place")
    session.send("Emulation.clearDeviceMetricsOverride")
    session.detach()
    if usual is not None:
        page.set_viewport_size(usual)
    return found
