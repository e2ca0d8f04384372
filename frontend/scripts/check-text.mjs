// Fails if a component has a text of its own, which belongs into src/text/, or if React would hold a text node. A
// translator replaces text nodes, and React then fails to change or remove the ones that it holds. Where a text is an
// element's only child, React holds the element alone.
import ts from "typescript";

const TEXT = ts.TypeFlags.StringLike | ts.TypeFlags.NumberLike | ts.TypeFlags.BigIntLike;

const { fileNames, options } = ts.getParsedCommandLineOfConfigFile("tsconfig.json", {}, ts.sys);
const program = ts.createProgram(fileNames, options);
const checker = program.getTypeChecker();
const found = [];
const literal = [];
const SPOKEN = ["alt", "aria-description", "aria-label", "aria-valuetext", "label", "placeholder", "title"];

for (const file of program.getSourceFiles()) {
  if (file.fileName.endsWith(".tsx") && !file.fileName.includes("node_modules")) visit(file);
}
const faults = [
  ...literal.map((at) => `${at} put the text into src/text/`),
  ...found.map((at) => `${at} put the text into an element of its own`),
];
if (faults.length > 0) throw new Error(faults.join("\n"));

function visit(node) {
  if (ts.isJsxText(node)) noteLiteral(node);
  if (ts.isJsxExpression(node) && !ts.isJsxAttribute(node.parent)) noteLiteral(node.expression);
  if (ts.isJsxAttribute(node) && SPOKEN.includes(node.name.getText())) noteLiteral(node.initializer);
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

/** What a call or a property returns comes from elsewhere. */
function noteLiteral(node) {
  if (node === undefined) return;
  if (ts.isJsxExpression(node) || ts.isParenthesizedExpression(node)) noteLiteral(node.expression);
  else if (ts.isConditionalExpression(node)) [node.whenTrue, node.whenFalse].forEach(noteLiteral);
  else if (ts.isBinaryExpression(node)) shownOperands(node).forEach(noteLiteral);
  else if (ts.isTemplateExpression(node))
    [node.head, ...node.templateSpans.map(({ literal: text }) => text)].forEach(noteLiteral);
  else if (/\p{L}/u.test(node.text ?? "") && !ts.isIdentifier(node)) literal.push(placeOf(node));
}

function shownOperands({ left, operatorToken, right }) {
  const { kind } = operatorToken;
  if (kind === ts.SyntaxKind.AmpersandAmpersandToken) return [right];
  const joins = [ts.SyntaxKind.BarBarToken, ts.SyntaxKind.QuestionQuestionToken, ts.SyntaxKind.PlusToken];
  return joins.includes(kind) ? [left, right] : [];
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
  found.push(placeOf(node));
}

function placeOf(node) {
  const file = node.getSourceFile();
  const { line } = file.getLineAndCharacterOfPosition(node.getStart());
  return `${file.fileName}:${line + 1}`;
}
