-- Where the product is in its photo, as {"x", "y", "width", "height"} in pixels of the upright photo. NULL: enrolled by a
-- release that embedded whole photos; the region is found when such a photo is embedded anew.
ALTER TABLE product_images ADD COLUMN region TEXT;
