-- Customer lifetime value by first plan and channel: ARPA / churn rate in one division.
with begun as (
  select customer_id, first_plan as plan, channel
  from state_changes
  where movement = 'new'
),
money as (
  select b.plan, b.channel, sum(f.amount) as collected
  from begun b
  join facts f on f.customer_id = b.customer_id
  where f.event_type in ('signup', 'renewal', 'resume', 'reactivation', 'payment_recovered')
  group by b.plan, b.channel
),
sizes as (
  select plan, channel, count(*) as customers
  from begun
  group by plan, channel
),
lives as (
  -- a change in month i counts as active at the start of every later month
  select
    c.first_plan as plan, c.channel,
    sum(c.active * (last.i - m.i)) as active_months,
    sum(case when c.movement = 'churn' then 1 else 0 end) as churns,
    sum(c.active) as active_end,
    sum(c.delta) as mrr12_end
  from state_changes c
  join months m on m.month = c.month
  cross join (select max(i) as i from months) last
  where c.first_plan is not null
  group by c.first_plan, c.channel
)
select
  s.plan, s.channel, s.customers,
  cast(coalesce(y.collected, 0) as bigint) as collected_minor,
  cast(l.active_months as bigint) as active_months,
  cast(l.churns as bigint) as churns,
  cast(l.active_end as bigint) as active_end,
  cast(l.mrr12_end as bigint) as mrr12_end,
  cast(coalesce(y.collected, 0) as double) / cast(s.customers as double) as collected_per_customer,
  cast(l.mrr12_end as double) / nullif(cast(l.active_end as double), 0) as arpa_mrr12,
  cast(l.churns as double) / nullif(cast(l.active_months as double), 0) as churn_rate,
  cast(l.mrr12_end as double) * cast(l.active_months as double)
    / nullif(cast(12 as double) * cast(l.active_end as double) * cast(l.churns as double), 0) as ltv_minor
from sizes s
join lives l on l.plan = s.plan and l.channel = s.channel
left join money y on y.plan = s.plan and y.channel = s.channel
order by s.plan, s.channel
