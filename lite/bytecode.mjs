// Compiles archives of Python modules with the site's own Pyodide, as no other Python writes its bytecode.
//   node bytecode.mjs PYODIDE SOURCES TARGET [--keep-sources]
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [runtime, sources, target] = process.argv.slice(2, 5).map((path) => resolve(path));
const { loadPyodide } = await import(pathToFileURL(join(runtime, "pyodide.mjs")));
const pyodide = await loadPyodide({ indexURL: runtime });
pyodide.mountNodeFS("/sources", sources);
pyodide.mountNodeFS("/target", target);
pyodide.runPython(readFileSync(join(import.meta.dirname, "bytecode.py"), "utf8"));
const compileArchives = pyodide.globals.get("compile_archives");
compileArchives.callKwargs("/sources", "/target", { keep_sources: process.argv.includes("--keep-sources") });
