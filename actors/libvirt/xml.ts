/** Writes XML: elements as data, so that escaping happens in one place and cannot be forgotten. */

export interface XmlElement {
  name: string;
  attributes: Record<string, string | number | undefined>;
  children: (XmlElement | string)[];
}

/** Attributes that are undefined are left out, and so are children that are undefined. */
export function element(
  name: string,
  attributes: XmlElement['attributes'] = {},
  ...children: (XmlElement | string | number | undefined)[]
): XmlElement {
  const present = children.filter((child) => child !== undefined);
  return {
    name,
    attributes,
    children: present.map((child) => (typeof child === 'number' ? String(child) : child)),
  };
}

export function renderXml(root: XmlElement): string {
  return `${renderElement(root, '')}\n`;
}

function renderElement({ name, attributes, children }: XmlElement, indent: string): string {
  const written = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [` ${key}='${escapeXml(String(value))}'`],
  );
  const opening = `${indent}<${name}${written.join('')}`;
  if (children.length === 0) return `${opening}/>`;
  // White space around text would become part of it.
  if (children.some((child) => typeof child === 'string')) {
    const content = children.map((child) => (typeof child === 'string' ? escapeXml(child) : renderElement(child, '')));
    return `${opening}>${content.join('')}</${name}>`;
  }
  const content = children.map((child) =>
    typeof child === 'string' ? escapeXml(child) : renderElement(child, `${indent}  `),
  );
  return `${opening}>\n${content.join('\n')}\n${indent}</${name}>`;
}

const references: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** Characters that XML 1.0 cannot hold, in no spelling, become the replacement character. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}')
    .replace(/[&<>'"\t\n\r]/g, (character) => references[character] ?? character);
}
