-- What a kiosk's camera sees when nothing lies before it; deleted when the kiosk is revoked.
CREATE TABLE kiosk_empty_views (
    kiosk_id BLOB PRIMARY KEY REFERENCES kiosks (id),
    -- Of the picture that was sent.
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    -- The reduced picture: red, green and blue of each pixel, row by row; its size follows from width and height.
    reduced_rgb BLOB NOT NULL,
    set_at INTEGER NOT NULL,
    -- When a frame last replaced the reduced picture.
    updated_at INTEGER NOT NULL,
    -- Since when frames show that the camera was moved or covered.
    camera_moved_at INTEGER
) STRICT;
