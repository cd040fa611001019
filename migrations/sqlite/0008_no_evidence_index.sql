-- Nothing looks for the evidence of one session, and most evidence has none: a page more to write with every photo.
DROP INDEX recognitions_session;
