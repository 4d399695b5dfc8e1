-- Start + new + reactivation + expansion - contraction - churn = end, for customers and run-rate, every month.
with sums as (
  select
    m.month,
    cast(coalesce(sum(case when c.movement = 'new' then 1 else 0 end), 0) as bigint) as customers_new,
    cast(coalesce(sum(case when c.movement = 'reactivation' then 1 else 0 end), 0) as bigint) as customers_reactivated,
    cast(coalesce(sum(case when c.movement = 'churn' then 1 else 0 end), 0) as bigint) as customers_churned,
    cast(coalesce(sum(case when c.movement = 'new' then c.delta else 0 end), 0) as bigint) as new_mrr12,
    cast(coalesce(sum(case when c.movement = 'expansion' then c.delta else 0 end), 0) as bigint) as expansion_mrr12,
    cast(coalesce(-sum(case when c.movement = 'contraction' then c.delta else 0 end), 0) as bigint) as contraction_mrr12,
    cast(coalesce(-sum(case when c.movement = 'churn' then c.delta else 0 end), 0) as bigint) as churn_mrr12,
    cast(coalesce(sum(case when c.movement = 'reactivation' then c.delta else 0 end), 0) as bigint) as reactivation_mrr12
  from months m
  left join state_changes c on c.month = m.month
  group by m.month
),
nets as (
  select
    s.*,
    customers_new + customers_reactivated - customers_churned as net_customers,
    new_mrr12 + expansion_mrr12 + reactivation_mrr12 as won,
    contraction_mrr12 + churn_mrr12 as lost
  from sums s
),
ends as (
  select
    n.*,
    cast(sum(net_customers) over (order by month rows between unbounded preceding and current row) as bigint) as customers_end,
    cast(sum(won - lost) over (order by month rows between unbounded preceding and current row) as bigint) as end_mrr12
  from nets n
),
both_sides as (
  select e.*, customers_end - net_customers as customers_start, end_mrr12 - won + lost as start_mrr12
  from ends e
)
select
  month, customers_start, customers_new, customers_reactivated, customers_churned, customers_end,
  start_mrr12, new_mrr12, expansion_mrr12, contraction_mrr12, churn_mrr12, reactivation_mrr12, end_mrr12,
  cast(customers_churned as double) / nullif(cast(customers_start as double), 0) as customer_churn_rate,
  cast(lost as double) / nullif(cast(start_mrr12 as double), 0) as gross_mrr_churn_rate,
  cast(lost - expansion_mrr12 - reactivation_mrr12 as double) / nullif(cast(start_mrr12 as double), 0) as net_mrr_churn_rate,
  cast(won as double) / nullif(cast(lost as double), 0) as quick_ratio
from both_sides
order by month
