-- Failed invoices by the month of their first failure, and what was recovered.
with invoices as (
  select
    f.invoice_id,
    min(f.customer_id) as customer_id,
    min(case when f.event_type = 'payment_failed' then f.month end) as month,
    min(case when f.event_type = 'payment_failed' then f.micros end) as failed_micros,
    min(case when f.event_type = 'payment_recovered' then f.micros end) as recovered_micros,
    max(f.amount) as amount
  from facts f
  where f.event_type in ('payment_failed', 'payment_recovered')
  group by f.invoice_id
),
sums as (
  select
    i.month,
    coalesce(c.channel, 'unknown') as channel,
    count(*) as failed_invoices,
    count(i.recovered_micros) as recovered_invoices,
    cast(sum(i.amount) as bigint) as failed_minor,
    cast(coalesce(sum(case when i.recovered_micros is not null then i.amount end), 0) as bigint) as recovered_minor,
    cast(coalesce(sum(i.recovered_micros - i.failed_micros), 0) as bigint) as micros
  from invoices i
  left join customers c on c.customer_id = i.customer_id
  group by i.month, coalesce(c.channel, 'unknown')
),
seconds as (
  select s.*, cast(floor(cast(micros as decimal(38, 0)) / 1000000) as bigint) as recovery_seconds
  from sums s
)
select
  month, channel, failed_invoices, recovered_invoices, failed_minor, recovered_minor, recovery_seconds,
  cast(recovered_invoices as double) / cast(failed_invoices as double) as recovery_rate,
  cast(recovered_minor as double) / nullif(cast(failed_minor as double), 0) as recovery_rate_amount,
  cast(recovery_seconds as double) / nullif(cast(86400 * recovered_invoices as double), 0) as mean_days
from seconds
order by month, channel
