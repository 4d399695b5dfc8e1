-- Customers by the month of their `new` movement: what is active and what it is worth at the end of every later month.
with changes as (
  select begun as cohort, month, sum(active) as active, sum(delta) as delta
  from state_changes
  where begun is not null and movement is not null
  group by begun, month
),
sizes as (
  select begun as cohort, count(*) as cohort_size
  from state_changes
  where movement = 'new'
  group by begun
),
cells as (
  select s.cohort, s.cohort_size, m.month, m.i - b.i as age
  from sizes s
  join months b on b.month = s.cohort
  join months m on m.month >= s.cohort
),
filled as (
  select
    c.cohort, c.age, c.cohort_size,
    cast(sum(coalesce(x.active, 0)) over (partition by c.cohort order by c.month rows between unbounded preceding and current row) as bigint) as customers,
    cast(sum(coalesce(x.delta, 0)) over (partition by c.cohort order by c.month rows between unbounded preceding and current row) as bigint) as mrr12
  from cells c
  left join changes x on x.cohort = c.cohort and x.month = c.month
),
based as (
  select f.*, first_value(mrr12) over (partition by cohort order by age rows between unbounded preceding and current row) as cohort_mrr12_0
  from filled f
)
select
  cohort, age, customers, mrr12, cohort_size, cohort_mrr12_0,
  cast(customers as double) / cast(cohort_size as double) as retention,
  cast(mrr12 as double) / nullif(cast(cohort_mrr12_0 as double), 0) as revenue_retention
from based
order by cohort, age
