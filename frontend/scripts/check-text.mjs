// Fails if React would hold a text node. A translator replaces text nodes, and React then fails to change or remove
// the ones that it holds. Where a text is an element's only child, React holds the element alone.
import ts from "typescript";

const TEXT = ts.TypeFlags.StringLike | ts.TypeFlags.NumberLike | ts.TypeFlags.BigIntLike;

const { fileNames, options } = ts.getParsedCommandLineOfConfigFile("tsconfig.json", {}, ts.sys);
const program = ts.createProgram(fileNames, options);
const checker = program.getTypeChecker();
const found = [];

for (const file of program.getSourceFiles()) {
  if (file.fileName.endsWith(".tsx") && !file.fileName.includes("node_modules")) visit(file);
}
if (found.length > 0) throw new Error(`Put the text into an element of its own:\n${found.join("\n")}`);

function visit(node) {
  if (ts.isJsxElement(node) || ts.isJsxFragment(node)) {
    const children = node.children.filter(isRendered);
    const text = children.find(isText);
    if (text !== undefined && (children.length > 1 || ts.isJsxFragment(node))) report(text);
  }
  if (ts.isFunctionLike(node) && /^[A-Z]/.test(node.name?.text ?? "")) {
    const signature = checker.getSignatureFromDeclaration(node);
    if (signature !== undefined && mayBeText(signature.getReturnType())) report(node.name);
  }
  ts.forEachChild(node, visit);
}

function isRendered(child) {
  if (ts.isJsxText(child)) return !child.containsOnlyTriviaWhiteSpaces;
  return !ts.isJsxExpression(child) || child.expression !== undefined;
}

function isText(child) {
  if (ts.isJsxText(child)) return true;
  return ts.isJsxExpression(child) && mayBeText(checker.getTypeAtLocation(child.expression));
}

/** A ReactNode is what a caller passes, and callers are checked too. */
function mayBeText(type) {
  if (type.aliasSymbol?.name === "ReactNode") return false;
  return (type.isUnion() ? type.types : [type]).some(({ flags }) => flags & TEXT);
}

function report(node) {
  const file = node.getSourceFile();
  const { line } = file.getLineAndCharacterOfPosition(node.getStart());
  found.push(`${file.fileName}:${line + 1}`);
}
