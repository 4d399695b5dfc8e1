-- One row per state change: what it did to its subscription, and to its customer's total.
-- before and after are the customer's totals; delta is the subscription's change; begun is the month of the `new` movement.
with states as (
  select
    f.customer_id, f.subscription_id, f.event_id, f.occurred_at, f.event_type, f.plan, f.month,
    f.mrr12 - coalesce(lag(f.mrr12) over (partition by f.subscription_id order by f.occurred_at, f.event_id), 0) as delta,
    lag(f.plan) over (partition by f.subscription_id order by f.occurred_at, f.event_id) as from_plan
  from facts f
  where f.event_type in ('signup', 'upgrade', 'downgrade', 'pause', 'resume', 'cancel', 'reactivation')
),
totals as (
  select
    s.*,
    cast(sum(s.delta) over (partition by s.customer_id order by s.occurred_at, s.event_id
                            rows between unbounded preceding and current row) as bigint) as after
  from states s
),
steps as (
  select
    t.*,
    t.after - t.delta as before,
    -- how often the customer has been above zero up to here
    sum(case when t.after > 0 then 1 else 0 end) over (partition by t.customer_id order by t.occurred_at, t.event_id
                                                       rows between unbounded preceding and current row) as seen
  from totals t
),
named as (
  select
    s.*,
    case
      when s.delta = 0 then null
      when s.after > 0 and s.seen = 1 then 'new'
      when s.after > 0 and s.before = 0 then 'reactivation'
      when s.after = 0 and s.before > 0 then 'churn'
      when s.delta > 0 then 'expansion'
      else 'contraction'
    end as movement
  from steps s
)
select
  n.customer_id, n.subscription_id, n.event_type, n.plan, n.from_plan, n.month, n.delta, n.movement,
  coalesce(c.channel, 'unknown') as channel,
  min(case when n.movement = 'new' then n.month end) over (partition by n.customer_id) as begun,
  min(case when n.movement = 'new' then n.plan end) over (partition by n.customer_id) as first_plan,
  case n.movement when 'new' then 1 when 'reactivation' then 1 when 'churn' then -1 else 0 end as active
from named n
left join customers c on c.customer_id = n.customer_id
