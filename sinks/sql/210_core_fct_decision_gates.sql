/*
One row per gate that was asked for a decision, in the order of asking.

decision_id: =raw.decisions.decision_id
gate_number: Order of asking, from 1.
gate: Name of the gate.
passed: Whether it let the message pass.
value: What it looked at.
is_deciding: Whether it is the gate that stopped the message: the first that did not let it pass.
*/
CREATE OR REPLACE VIEW core.fct_decision_gates AS
SELECT decision_id, gate_number, g.gate, g.passed, g.value,
    coalesce(gate_number = list_position([x.passed FOR x IN gates], false), false) AS is_deciding
FROM (
    SELECT decision_id, gates, unnest(gates) AS g, generate_subscripts(gates, 1) AS gate_number
    FROM core.fct_decisions
);
