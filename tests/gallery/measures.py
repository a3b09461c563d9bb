"""What is measured on a card in a page: JavaScript for Playwright's `evaluate`."""

MISFITS = """card => {
    // What ends in an ellipsis where it doesn't fit, and what only screen readers meet.
    const CLIPS = ".evo-number, .evo-unit, .evo-used, .evo-when, .evo-pill, .evo-facts *,"
        + ".evo-says [data-field], [data-short] > span";
    const found = [];
    const shown = element => element.checkVisibility({visibilityProperty: true, opacityProperty: true})
        && !element.closest("[data-short] > span");
    const say = (what, element) => found.push(`${what}: ${element.outerHTML.slice(0, 120)}`);
    const edge = card.getBoundingClientRect();
    for (const part of card.querySelectorAll("*")) {
        if (!shown(part) || part.parentElement.closest(CLIPS)) continue;
        const box = part.getBoundingClientRect();
        if (box.left < edge.left || box.right > edge.right || box.bottom > edge.bottom) say("outside", part);
        if (part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).display !== "inline"
            && !part.closest("svg") && !part.matches(CLIPS)) say("overflows", part);
    }
    // What is written, each piece a box of its own: no two may overlap.
    const texts = [];
    const walker = document.createTreeWalker(card, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        if (!node.data.trim() || !shown(node.parentElement)) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const element = node.parentElement;
        const within = (element.closest(CLIPS) ?? card).getBoundingClientRect();
        for (const {left, right, top, bottom} of range.getClientRects()) {
            const box = {
                left: Math.max(left, within.left), right: Math.min(right, within.right),
                top: Math.max(top, within.top), bottom: Math.min(bottom, within.bottom),
            };
            if (box.left < box.right && box.top < box.bottom) texts.push({box, element, node});
        }
    }
    for (const [index, {box, element, node}] of texts.entries()) {
        for (const other of texts.slice(index + 1)) {
            const wide = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
            const high = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
            // A line's box is a little higher than its letters.
            if (wide > 1 && high > 4 && node !== other.node) say(`on ${element.textContent}`, other.element);
        }
    }
    return found;
}"""
"""The parts that leave the card, overflow, or overlap each other; given the card."""

FAINT = """card => {
    // Colours as the screen has them: painted one over the other, from the page up to the text.
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    const ancestors = element => element ? [...ancestors(element.parentElement), element] : [];
    const paint = (colours) => {
        canvas.globalAlpha = 1;
        canvas.fillStyle = "#fff";
        for (const [colour, alpha] of colours) {
            canvas.globalAlpha = alpha;
            canvas.fillStyle = colour;
            canvas.fillRect(0, 0, 1, 1);
        }
        return canvas.getImageData(0, 0, 1, 1).data;
    };
    const luminance = ([red, green, blue]) => {
        const [r, g, b] = [red, green, blue].map(value => value / 255)
            .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratio = (one, other) => {
        const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
        return (light + 0.05) / (dark + 0.05);
    };
    const found = [];
    let looked = 0;
    const walker = document.createTreeWalker(card, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement;
        const visible = element.checkVisibility({visibilityProperty: true, opacityProperty: true});
        if (!node.data.trim() || !visible) continue;
        const under = ancestors(element).map(one => [getComputedStyle(one).backgroundColor, 1]);
        const opacity = ancestors(element).reduce((all, one) => all * getComputedStyle(one).opacity, 1);
        const contrast = ratio(paint(under), paint([...under, [getComputedStyle(element).color, opacity]]));
        looked += 1;
        if (contrast < 4.5) found.push(`${contrast.toFixed(2)}: ${node.data.trim().slice(0, 40)}`);
    }
    return [looked, found];
}"""
"""How many texts were looked at, and those with a contrast below 4.5 : 1; given the card."""

PLACES = """card => [...card.querySelectorAll("*"), card].map(part => {
    const {left, top, width, height} = part.getBoundingClientRect();
    const within = part.closest(".evo-number, b, .evo-used, [data-field=updated]");
    const grows = part.matches(".evo-number, .evo-used, .evo-change, b, .evo-when *, [data-field=hint]");
    return within && within !== part || grows
        ? null : [part.className.baseVal ?? part.className, left, top, width, height].join(" ");
})"""
"""Where each part is, but for those that may grow; given the card."""
