// The picture that stands for a product: its first photo, as a thumbnail.

import { call } from "./api.js";

const addresses = new Map();

/** Shows the product's picture in `image`; without a photo the frame stays empty. */
export async function showProduct(image, productId) {
  image.dataset.product = productId;
  const address = await findAddress(productId);
  // Meanwhile the element may have got another product.
  if (address && image.dataset.product === productId && image.getAttribute("src") !== address) image.src = address;
}

function findAddress(productId) {
  if (!addresses.has(productId)) {
    const found = call("GET", `/api/products/${productId}/images`)
      .then((images) => (images.data.length > 0 ? `/api/products/${productId}/images/${images.data[0].id}?size=thumbnail` : null))
      .catch(() => {
        addresses.delete(productId);
        return null;
      });
    addresses.set(productId, found);
  }
  return addresses.get(productId);
}
