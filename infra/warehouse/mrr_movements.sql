-- Every movement by month, plan of the event, channel of the customer and class.
select month, plan, channel, movement, count(*) as n, cast(sum(delta) as bigint) as delta_mrr12
from state_changes
where movement is not null
group by month, plan, channel, movement
order by month, plan, channel, movement
