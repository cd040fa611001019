# The catalogue: products and their photos.
action-search = Search
action-save = Save
closings-show = Show
action-print = Print
action-delete = Delete
products-search = Name, barcode or SKU
products-all = All products
products-empty = No products yet
products-empty-text = Show tillsight a product from a few sides. A till recognises it as soon as you have saved it.
products-none-found = Nothing found
products-none-found-text = No product matches “{ $text }”.
product-teach = Teach a product
product-teach-lead = Take { $count } photos from different sides, as a customer might lay it down. Then say what it is.
product-teach-send = Teach it
product-title = Product
product-more-fields = SKU and description
product-off-sale = Off sale
product-no-price = No price
product-no-photos = Barcode only
product-add-photos = { $count ->
    [one] Add { $count } photo
   *[other] Add { $count } photos
 }
product-photos = { $count ->
    [0] Photos
    [one] { $count } photo
   *[other] { $count } photos
 }
product-photos-none = Without photos this product is sold by barcode or by hand.
product-recognised = { $count } of { $asked } photos are recognised by the others.
product-advice-more = Add photos of other sides: five that differ tell most products apart.
product-advice-alike = Some photos are almost the same. Add photos of other sides.
product-advice-sides = Add photos of the sides that only one photo shows.
product-most-alike = Most alike:
product-last-seen = Last recognised:
product-take-off = Take off sale
product-put-on = Put on sale
product-delete-title = Delete “{ $name }”?
product-delete-text = { $count ->
    [0] The product goes for good. Orders keep their lines.
    [one] The product and its photo go for good. Orders keep their lines.
   *[other] The product and its { $count } photos go for good. Orders keep their lines.
 }
products-same-article = These products have the barcode of another product. Open one to merge them.
product-same-article = “{ $name }” has the same barcode, written { $barcode }. A till can mean only one of the two.
product-same-article-show = Show it
product-merge = Merge them here
product-merge-title = Merge “{ $other }” into “{ $name }”?
product-merge-text = The photos of “{ $other }” move to “{ $name }”, and “{ $other }” is deleted. Orders keep their lines.
field-product-name = Name
field-price = Price
field-tax-rate = Tax in percent
field-barcode = Barcode
field-sku = SKU
field-description = Description
photos-title = Photos
photos-choose = Choose photos, or drop them here
photos-hint = JPEG, PNG or WebP. One product in each photo; it is cut out by itself.
photos-chosen = Chosen photos
photos-add = Add photos
photos-add-send = Add them
photos-insist = Use these photos all the same
photo-number = Photo { $count }
photo-alone = Stands alone
photo-remove = Remove
photo-remove-title = Remove this photo?
photo-remove-text = The product is no longer recognised by it.
photo-good = Good
photo-several = Shows several things. Show one.
photo-checking = Looking …
photo-unchecked = Is checked when you send it.
photo-too-large = is too large
photo-not-a-photo = is not a JPEG, PNG or WebP photo. An iPhone takes JPEG with Settings > Camera > Formats > Most Compatible.
photo-send-failed = The server cannot be reached. Your photos are still here; try again.
photo-signed-out = You are signed out. Sign in in another tab, then send the photos again from here.
camera-use = Use the camera
camera-hint = Turn the product a little between the photos.
camera-burst = Take 5 photos
camera-one = Take one
camera-close = Close the camera
camera-none = No camera could be opened. Allow it in the browser, or choose photos.
notice-product-taught = Taught. Tills recognise it now.
notice-product-saved = Saved.
notice-product-merged = Merged. The photos of both are here.
notice-product-removed = The product is deleted.
notice-product-on-sale = On sale again.
notice-product-off-sale = Off sale. Tills no longer recognise it.
notice-photos-added = The photos are added.
notice-photo-removed = The photo is removed.

# What is wrong with a photo, by its code.
photo-issue-blank = Shows one colour and nothing else. Photograph the product itself.
photo-issue-too-small = The product is too small in the photo. Go closer.
photo-issue-blurred = Blurred. Hold the camera still until it is in focus, and take it again.
photo-issue-too-dark = Too dark. Take it again with more light.
photo-issue-too-bright = Too bright. Take it again with less light, or on a darker table.
photo-issue-copy = Looks the same as a photo of “{ $name }”. Send one that shows the difference.
