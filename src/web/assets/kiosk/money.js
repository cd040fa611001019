// Amounts in minor units as the reader writes them.

const language = document.documentElement.lang || "en";

export function formatMoney(amount, currency) {
  const format = new Intl.NumberFormat(language, { style: "currency", currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}
