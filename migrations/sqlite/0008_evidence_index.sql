-- Most evidence belongs to no session; an entry for each of those was one page more to write with every photo.
DROP INDEX recognitions_session;
CREATE INDEX recognitions_session ON recognitions (session_id) WHERE session_id IS NOT NULL;
