/** Draws pictures small beside the page, which a large one would hold up. */

export {};

const LONGEST_PX = 1280;

/** @param {MessageEvent<{id: number, file: Blob}>} event */
self.onmessage = async ({ data: { id, file } }) => {
  try {
    self.postMessage({ id, ...(await drawn(file)) });
  } catch {
    self.postMessage({ id, blob: null });
  }
};

/** @param {Blob} file */
async function drawn(file) {
  const whole = await createImageBitmap(file);
  const { height, width } = whole;
  const scale = Math.min(1, LONGEST_PX / Math.max(width, height));
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(width * scale)),
    Math.max(1, Math.round(height * scale)),
  );
  const pen = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.imageSmoothingQuality = "high";
  pen.drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  return { width, height, blob: await canvas.convertToBlob({ type: "image/webp", quality: 0.85 }) };
}
