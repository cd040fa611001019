// Sends the camera's picture again and again for some seconds, each as soon as the one before was answered.
(async () => {
  const script = (name) => import(`/assets/test/kiosk/${name}.js`);
  const [{ call }, { encodePicture }] = await Promise.all(["api", "camera"].map(script));
  const video = document.getElementById("camera");
  const times = [];
  let refused = 0;
  const end = performance.now() + 8_000;
  while (performance.now() < end) {
    const picture = await encodePicture(video, { x: 0, y: 0, width: video.videoWidth, height: video.videoHeight });
    const began = performance.now();
    try {
      await call("POST", "/api/recognize", { picture });
      times.push(performance.now() - began);
    } catch {
      refused += 1;
    }
  }
  times.sort((one, other) => one - other);
  return { answers: times.length, refused, p95_ms: Math.round(times[Math.floor(times.length * 0.95)]), slowest_ms: Math.round(times.at(-1)) };
})();
