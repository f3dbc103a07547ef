/**
 * The terminal brings styles of its own in ways that the page's content security policy does not allow, because whoever
 * smuggled markup in could use them too. Here they come by the object model, which only code can use.
 */

/** Stands for a style element: its rules hold as long as it is in the document. */
class AdoptedStyle extends HTMLElement {
  readonly #sheet = new CSSStyleSheet();

  override get textContent(): string {
    return '';
  }

  override set textContent(rules: string) {
    this.#sheet.replaceSync(rules);
  }

  connectedCallback(): void {
    document.adoptedStyleSheets.push(this.#sheet);
  }

  disconnectedCallback(): void {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== this.#sheet);
  }
}

const tag = 'adopted-style';
if (!customElements.get(tag)) customElements.define(tag, AdoptedStyle);

/** Each letter of a colour beyond the first 256 has an attribute. */
function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === 'style') this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}

let terminals = 0;

/**
 * A terminal's spans have attributes before they have a place, so all of the page's are as its own, for as long as there
 * is a terminal: until the function that it returns is called.
 */
export function allowStyledSpans(): () => void {
  terminals += 1;
  HTMLSpanElement.prototype.setAttribute = setAttribute;
  return () => {
    terminals -= 1;
    if (terminals === 0) Reflect.deleteProperty(HTMLSpanElement.prototype, 'setAttribute');
  };
}

/** Whatever makes style elements while `work` runs is given such that are allowed. */
export function withAllowedStyles(work: () => void): void {
  const make = document.createElement.bind(document);
  document.createElement = (name: string, options?: ElementCreationOptions) =>
    make(name === 'style' ? tag : name, options);
  try {
    work();
  } finally {
    // What the prototype has counts again.
    Reflect.deleteProperty(document, 'createElement');
  }
}
