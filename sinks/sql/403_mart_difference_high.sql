/*
Upper end of the 95% interval of the difference of two independent shares; see mart.difference_low.

hits_a: How many of the first group did it.
trials_a: How many the first group has.
hits_b: How many of the second group did it.
trials_b: How many the second group has.
*/
CREATE OR REPLACE MACRO mart.difference_high(hits_a, trials_a, hits_b, trials_b) AS
CASE WHEN trials_a > 0 AND trials_b > 0 THEN hits_a / trials_a - hits_b / trials_b + sqrt(
    (mart.wilson_high(hits_a, trials_a) - hits_a / trials_a) ** 2 + (hits_b / trials_b - mart.wilson_low(hits_b, trials_b)) ** 2
) END;
