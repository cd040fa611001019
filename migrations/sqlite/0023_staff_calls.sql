-- Since when a kiosk calls for staff.
ALTER TABLE kiosks ADD COLUMN staff_called_at INTEGER;
