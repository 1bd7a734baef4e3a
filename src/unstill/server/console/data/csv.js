/** Tables as files for spreadsheets. */

/** What a spreadsheet would take for a formula is text. @param {string | number} cell */
function written(cell) {
  const text =
    typeof cell === "string" && /^[=+@\t\r]|^-(?!\d)/.test(cell) ? `'${cell}` : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** @param {(string | number)[][]} rows */
export const csvOf = (rows) => `${rows.map((row) => row.map(written).join(",")).join("\r\n")}\r\n`;

/** @param {string} name @param {string} text */
export function saveText(name, text) {
  // The mark at the front tells spreadsheets that it is UTF-8.
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
