-- What the forms of one article's number have in common (`domain::normalize_barcode`): fourteen digits for a GTIN, other codes as they
-- are. Not unique: products of before that share an article stay as they are until an admin merges them.
ALTER TABLE products ADD COLUMN barcode_normalized TEXT;
CREATE INDEX products_barcode_normalized ON products (barcode_normalized) WHERE removed_at IS NULL;

UPDATE products SET barcode_normalized = CASE
    WHEN ltrim(barcode, '0123456789') <> '' OR length(barcode) NOT IN (8, 12, 13, 14) THEN barcode
    -- The UPC-A that a UPC-E shortens; its seventh digit says where the zeros were.
    WHEN length(barcode) = 8 AND substr(barcode, 1, 1) = '0' THEN '00' || CASE
        WHEN substr(barcode, 7, 1) IN ('0', '1', '2') THEN
            substr(barcode, 1, 3) || substr(barcode, 7, 1) || '0000' || substr(barcode, 4, 3) || substr(barcode, 8, 1)
        WHEN substr(barcode, 7, 1) = '3' THEN
            substr(barcode, 1, 4) || '00000' || substr(barcode, 5, 2) || substr(barcode, 8, 1)
        WHEN substr(barcode, 7, 1) = '4' THEN
            substr(barcode, 1, 5) || '00000' || substr(barcode, 6, 1) || substr(barcode, 8, 1)
        ELSE substr(barcode, 1, 6) || '0000' || substr(barcode, 7, 2)
    END
    ELSE substr('000000' || barcode, length(barcode) - 7)
END;

-- Eight digits whose check digit is not that of the UPC-A are no UPC-E.
UPDATE products SET barcode_normalized = '000000' || barcode WHERE CASE
    WHEN ltrim(barcode, '0123456789') = '' AND length(barcode) = 8 AND substr(barcode, 1, 1) = '0' THEN
        (3 * (CAST(substr(barcode_normalized, 3, 1) AS INTEGER) + CAST(substr(barcode_normalized, 5, 1) AS INTEGER)
            + CAST(substr(barcode_normalized, 7, 1) AS INTEGER) + CAST(substr(barcode_normalized, 9, 1) AS INTEGER)
            + CAST(substr(barcode_normalized, 11, 1) AS INTEGER) + CAST(substr(barcode_normalized, 13, 1) AS INTEGER))
            + CAST(substr(barcode_normalized, 4, 1) AS INTEGER) + CAST(substr(barcode_normalized, 6, 1) AS INTEGER)
            + CAST(substr(barcode_normalized, 8, 1) AS INTEGER) + CAST(substr(barcode_normalized, 10, 1) AS INTEGER)
            + CAST(substr(barcode_normalized, 12, 1) AS INTEGER) + CAST(substr(barcode_normalized, 14, 1) AS INTEGER)) % 10 <> 0
    ELSE FALSE
END;
