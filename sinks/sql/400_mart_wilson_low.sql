/*
Lower end of the 95% Wilson score interval of a share (Wilson 1927, Journal of the American Statistical Association 22:
209-212): unlike the textbook interval it holds for small groups and for shares near 0 and 1. NULL without trials.

hits: How many of them did it.
trials: How many there were.
*/
CREATE OR REPLACE MACRO mart.wilson_low(hits, trials) AS
CASE WHEN trials > 0 THEN greatest(0, (
    hits + 1.920729410347062 - 1.959963984540054 * sqrt(hits * (trials - hits) / trials + 0.960364705173531)
) / (trials + 3.841458820694124)) END;
