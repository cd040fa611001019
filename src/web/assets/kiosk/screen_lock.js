// Keeps the device's screen on. A browser releases the lock whenever the page is hidden.

export function keepScreenOn() {
  request();
  document.addEventListener("visibilitychange", () => document.hidden || request());
}

async function request() {
  try {
    await navigator.wakeLock?.request("screen");
  } catch {
    // Saving power matters more to the device.
  }
}
