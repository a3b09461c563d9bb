// What a kernel imports as Pyodide. It puts the packages in place as one archive, which takes a tenth of the time
// that Pyodide needs for wheels: no Python unpacks it, and it is there before Python starts.
import { loadPyodide as load } from "./pyodide.mjs";

const ARCHIVE = new URL("packages.tar.gz", import.meta.url);
const BLOCK = 512;
// What the first cells import. Once the kernel's folder is the page's, each import of Python looks there first, by a
// message to the page and back.
const IMPORTS = `
import IPython, jedi, micropip, piplite.piplite
import evolink_nb.card.widget, evolink_nb.notebook.commands, evolink_nb.notebook.extension, evolink_nb.demo.in_process
`;

/** Load Pyodide with all packages of the site, whichever of them `options` names. */
export async function loadPyodide(options) {
  const archive = fetchArchive();
  const pyodide = await load({
    ...options,
    packages: [],
    fsInit: async (FS, { sitePackages }) => unpack(await archive, FS, sitePackages),
  });
  await archive; // what went wrong with it, before an import fails for want of it
  pyodide.runPython(IMPORTS);
  return pyodide;
}

async function fetchArchive() {
  const response = await fetch(ARCHIVE);
  if (!response.ok) {
    throw new Error(`${ARCHIVE}: ${response.status}`);
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  // Some hosts say that its content is encoded, and browsers decode it.
  const isCompressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isCompressed) {
    return bytes;
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Write the files of a tar archive (ustar) into a folder of Pyodide's file system. */
function unpack(archive, FS, folder) {
  const folders = new Set();
  for (let start = 0; archive[start] !== 0; ) {
    const name = text(archive, start, 100);
    const size = parseInt(text(archive, start + 124, 12), 8);
    const prefix = text(archive, start + 345, 155);
    const path = `${folder}/${prefix ? `${prefix}/` : ""}${name}`;
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (!folders.has(parent)) {
      FS.mkdirTree(parent);
      folders.add(parent);
    }
    const content = start + BLOCK;
    FS.writeFile(path, archive.subarray(content, content + size), { canOwn: true });
    start = content + Math.ceil(size / BLOCK) * BLOCK;
  }
}

function text(archive, start, length) {
  const field = archive.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}
