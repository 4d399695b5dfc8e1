-- Upgrades and downgrades, from the plan a subscription had to the plan it got.
select month, from_plan, plan as to_plan, count(*) as n, cast(sum(delta) as bigint) as delta_mrr12
from state_changes
where event_type in ('upgrade', 'downgrade')
group by month, from_plan, plan
order by month, from_plan, plan
