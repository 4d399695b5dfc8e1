-- Payment attempts and their success: an attempt is a fact with an attempt number, and it succeeded unless it is a payment_failed.
with sums as (
  select
    f.month,
    coalesce(c.channel, 'unknown') as channel,
    count(*) as attempts,
    count(case when f.event_type <> 'payment_failed' then 1 end) as succeeded,
    count(case when f.attempt = 1 then 1 end) as first_attempts,
    count(case when f.attempt = 1 and f.event_type <> 'payment_failed' then 1 end) as first_succeeded
  from facts f
  left join customers c on c.customer_id = f.customer_id
  where f.attempt is not null
  group by f.month, coalesce(c.channel, 'unknown')
)
select
  month, channel, attempts, succeeded, first_attempts, first_succeeded,
  cast(succeeded as double) / cast(attempts as double) as success_rate,
  cast(first_succeeded as double) / nullif(cast(first_attempts as double), 0) as first_success_rate
from sums
order by month, channel
