/** Sums of money, exact: amounts are plain decimals with six places at most. */

const PLACES = 6;

/** In millionths. @param {string} amount */
function millionths(amount) {
  const isLess = amount.startsWith("-");
  const [whole = "0", part = ""] = amount.replace("-", "").split(".");
  const value = BigInt(whole + part.slice(0, PLACES).padEnd(PLACES, "0"));
  return isLess ? -value : value;
}

/** @param {string[]} amounts @returns {string} */
export function total(amounts) {
  const sum = amounts.reduce((all, each) => all + millionths(each), 0n);
  const digits = String(sum < 0n ? -sum : sum).padStart(PLACES + 1, "0");
  const part = digits.slice(-PLACES).replace(/0+$/, "");
  return `${sum < 0n ? "-" : ""}${digits.slice(0, -PLACES)}${part && `.${part}`}`;
}
