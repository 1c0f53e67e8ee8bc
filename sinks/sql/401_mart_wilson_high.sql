/*
Upper end of the 95% Wilson score interval of a share; see mart.wilson_low.

hits: How many of them did it.
trials: How many there were.
*/
CREATE OR REPLACE MACRO mart.wilson_high(hits, trials) AS
CASE WHEN trials > 0 THEN least(1, (
    hits + 1.920729410347062 + 1.959963984540054 * sqrt(hits * (trials - hits) / trials + 0.960364705173531)
) / (trials + 3.841458820694124)) END;
